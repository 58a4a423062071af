-- asks: Patients alive after a stroke whom nobody saw within the days after discharge, or after the stroke where none is known
-- param: as_of date | The day on which the answer should hold
-- param: days integer = 180 | Days within which somebody should have seen them
-- columns: institution, patient, struck_on, stroke_precision, waiting_since
SELECT
  s.institution,
  s.patient,
  DATE_FORMAT(s.stroke_on, 'yyyy-MM-dd') AS struck_on,
  s.stroke_precision,
  DATE_FORMAT(s.waits_from, 'yyyy-MM-dd') AS waiting_since
FROM (
  SELECT
    institution, patient, kind, on_date, stroke_on, stroke_precision, COALESCE(discharged_on, stroke_on) AS waits_from
  FROM stroke_facts
) s
LEFT JOIN latest_patients p ON p.patient = s.patient
WHERE DATEDIFF(:as_of, s.waits_from) > :days AND (p.died_on IS NULL OR p.died_on > :as_of)
  AND COALESCE(p.died_precision, '') <> 'unknown'
GROUP BY s.institution, s.patient, s.stroke_on, s.stroke_precision, s.waits_from
HAVING SUM(
  CASE
    WHEN s.kind IN ('encounter', 'outcome') AND DATEDIFF(s.on_date, s.waits_from) BETWEEN 1 AND :days THEN 1
    ELSE 0
  END
) = 0
ORDER BY s.institution ASC NULLS LAST, s.patient ASC NULLS LAST;
