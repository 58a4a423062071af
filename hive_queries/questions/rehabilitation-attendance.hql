-- asks: Sessions of rehabilitation that each patient attended within the days after the stroke, those with none included
-- param: days integer = 90 | Days after the stroke that are looked at
-- columns: institution, patient, struck_on, sessions, speech_therapy, physiotherapy, occupational_therapy, last_on
SELECT
  institution,
  patient,
  DATE_FORMAT(stroke_on, 'yyyy-MM-dd') AS struck_on,
  SUM(CASE WHEN attended LIKE 'rehabilitation %' THEN 1 ELSE 0 END) AS sessions,
  SUM(CASE WHEN attended = 'rehabilitation speech therapy' THEN 1 ELSE 0 END) AS speech_therapy,
  SUM(CASE WHEN attended = 'rehabilitation physiotherapy' THEN 1 ELSE 0 END) AS physiotherapy,
  SUM(CASE WHEN attended = 'rehabilitation occupational therapy' THEN 1 ELSE 0 END) AS occupational_therapy,
  DATE_FORMAT(MAX(CASE WHEN attended LIKE 'rehabilitation %' THEN on_date END), 'yyyy-MM-dd') AS last_on
FROM (
  SELECT
    institution, patient, stroke_on, on_date,
    CASE WHEN DATEDIFF(on_date, stroke_on) BETWEEN 0 AND :days THEN concept END AS attended
  FROM stroke_facts
) facts
GROUP BY institution, patient, stroke_on
ORDER BY institution ASC NULLS LAST, patient ASC NULLS LAST;
