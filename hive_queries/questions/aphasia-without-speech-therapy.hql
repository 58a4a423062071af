-- asks: Patients with aphasia and no speech therapy within the days after it was found
-- param: days integer = 30 | Days within which speech therapy should start
SELECT
  a.institution,
  a.patient,
  DATE_FORMAT(a.first_on, 'yyyy-MM-dd') AS aphasia_on,
  a.first_precision AS aphasia_precision
FROM (
  SELECT institution, patient, on_date AS first_on, on_precision AS first_precision
  FROM (
    SELECT
      institution, patient, on_date, on_precision,
      ROW_NUMBER() OVER (
        PARTITION BY institution, patient ORDER BY on_date ASC NULLS LAST, on_precision ASC NULLS LAST
      ) AS place
    FROM latest_concepts
    WHERE concept = 'aphasia'
  ) ordered
  WHERE place = 1
) a
LEFT JOIN (
  SELECT institution, patient, on_date
  FROM latest_concepts
  WHERE concept = 'speech therapy'
) t ON a.institution = t.institution AND a.patient = t.patient
GROUP BY a.institution, a.patient, a.first_on, a.first_precision
HAVING SUM(CASE WHEN DATEDIFF(t.on_date, a.first_on) BETWEEN 0 AND :days THEN 1 ELSE 0 END) = 0
ORDER BY a.institution ASC NULLS LAST, a.patient ASC NULLS LAST;
