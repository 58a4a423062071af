-- asks: Patients whose latest systolic blood pressure after discharge is above a target
-- param: target number = 140 | Systolic target in mmHg
-- param: institution string = | One institution only; empty for all
-- columns: institution, patient, systolic, measured_on, measured_precision, discharged_on
SELECT
  institution,
  patient,
  systolic,
  DATE_FORMAT(on_date, 'yyyy-MM-dd') AS measured_on,
  on_precision AS measured_precision,
  DATE_FORMAT(discharged_on, 'yyyy-MM-dd') AS discharged_on
FROM (
  SELECT
    institution, patient, quantity AS systolic, on_date, on_precision, discharged_on,
    ROW_NUMBER() OVER (
      PARTITION BY patient
      ORDER BY on_date DESC NULLS LAST, quantity DESC NULLS LAST, on_precision ASC NULLS LAST
    ) AS place
  FROM stroke_facts
  WHERE concept = 'measure systolic blood pressure' AND on_date > discharged_on
) readings
WHERE place = 1 AND systolic > :target AND (:institution = '' OR institution = :institution)
ORDER BY systolic DESC NULLS LAST, institution ASC NULLS LAST, patient ASC NULLS LAST;
