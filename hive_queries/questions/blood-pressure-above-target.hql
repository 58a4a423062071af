-- asks: Patients whose latest systolic blood pressure is above a target
-- param: target number = 140 | Systolic target in mmHg
-- param: institution string = | One institution only; empty for all
SELECT
  institution,
  patient,
  systolic,
  DATE_FORMAT(on_date, 'yyyy-MM-dd') AS measured_on,
  on_precision AS measured_precision
FROM (
  SELECT
    institution, patient, quantity AS systolic, on_date, on_precision,
    ROW_NUMBER() OVER (
      PARTITION BY institution, patient ORDER BY on_date DESC NULLS LAST, quantity DESC NULLS LAST
    ) AS place
  FROM latest_concepts
  WHERE concept = 'systolic blood pressure' AND (:institution = '' OR institution = :institution)
) readings
WHERE place = 1 AND systolic > :target
ORDER BY systolic DESC NULLS LAST, institution ASC NULLS LAST, patient ASC NULLS LAST;
