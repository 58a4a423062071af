-- asks: Patients with a risk factor for stroke, by factor, and since when it is known
-- param: risk string = | One factor only, such as hypertension; empty for all
-- columns: institution, patient, risk, known_on, known_precision
SELECT
  institution,
  patient,
  concept AS risk,
  DATE_FORMAT(on_date, 'yyyy-MM-dd') AS known_on,
  on_precision AS known_precision
FROM (
  SELECT
    institution, patient, concept, on_date, on_precision,
    ROW_NUMBER() OVER (
      PARTITION BY patient, concept
      ORDER BY on_date ASC NULLS LAST, on_precision ASC NULLS LAST
    ) AS place
  FROM latest_concepts
  WHERE concept LIKE 'risk %' AND answer = 'yes'
) facts
WHERE place = 1 AND (:risk = '' OR concept = CONCAT('risk ', :risk))
ORDER BY institution ASC NULLS LAST, patient ASC NULLS LAST, risk ASC NULLS LAST;
