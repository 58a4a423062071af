-- asks: Course of the stroke scales (nihss, mrs): each score, and how far it lies from the patient's first
-- param: scale string = | nihss or mrs; empty for both
-- columns: institution, patient, scale, measured_on, measured_precision, score, changed_by
SELECT
  institution,
  patient,
  CASE WHEN concept = 'scale nihss' THEN 'nihss' ELSE 'mrs' END AS scale,
  DATE_FORMAT(on_date, 'yyyy-MM-dd') AS measured_on,
  on_precision AS measured_precision,
  quantity AS score,
  quantity - SUM(CASE WHEN place = 1 THEN quantity ELSE 0 END) OVER (PARTITION BY patient, concept) AS changed_by
FROM (
  SELECT
    institution, patient, concept, on_date, on_precision, quantity,
    ROW_NUMBER() OVER (
      PARTITION BY patient, concept
      ORDER BY on_date ASC NULLS LAST, quantity ASC NULLS LAST, on_precision ASC NULLS LAST, told_by ASC NULLS LAST
    ) AS place
  FROM owned_concepts
  WHERE concept IN ('scale nihss', 'scale mrs') AND quantity IS NOT NULL
    AND (:scale = '' OR concept = CONCAT('scale ', :scale))
) scores
ORDER BY institution ASC NULLS LAST, patient ASC NULLS LAST, scale DESC NULLS LAST, place ASC NULLS LAST;
