-- asks: Patients with aphasia and no speech therapy within the days after it was found
-- param: days integer = 30 | Days within which speech therapy should start
-- columns: institution, patient, aphasia_on, aphasia_precision
SELECT
  institution,
  patient,
  DATE_FORMAT(first_on, 'yyyy-MM-dd') AS aphasia_on,
  MIN(CASE WHEN concept = 'deficit aphasia' AND on_date = first_on THEN on_precision END) AS aphasia_precision
FROM (
  SELECT
    institution, patient, concept, on_date, on_precision,
    MIN(CASE WHEN concept = 'deficit aphasia' THEN on_date END) OVER (PARTITION BY institution, patient) AS first_on
  FROM latest_concepts
  WHERE concept IN ('deficit aphasia', 'rehabilitation speech therapy') AND answer = 'yes'
) facts
GROUP BY institution, patient, first_on
HAVING SUM(CASE WHEN concept = 'deficit aphasia' THEN 1 ELSE 0 END) > 0
  AND SUM(
    CASE WHEN concept <> 'deficit aphasia' AND DATEDIFF(on_date, first_on) BETWEEN 0 AND :days THEN 1 ELSE 0 END
  ) = 0
ORDER BY institution ASC NULLS LAST, patient ASC NULLS LAST;
