-- One row a patient, with what the read side needs.
--
-- `facts` and `strokes` are one text each: facts parted by ␞, fields of a fact by ␟, sorted. A list would come back from
-- Hive and Spark as text that is not always JSON. Neither sign is let into a table (acquisition replaces them).
-- A patient without a row in `patients` (it may come with a later batch) has a profile, too.
WITH facts AS (
  SELECT
    institution,
    patient,
    CONCAT_WS(
      '␟', COALESCE(DATE_FORMAT(on_date, 'yyyy-MM-dd'), ''), on_precision, kind, system, code, source_column, source_value,
      display
    ) AS fact
  FROM latest_facts
),
gathered AS (
  SELECT institution, patient, COALESCE(CONCAT_WS('␞', SORT_ARRAY(COLLECT_LIST(fact))), '') AS facts
  FROM facts
  GROUP BY institution, patient
),
strokes AS (
  SELECT
    institution,
    patient,
    COALESCE(CONCAT_WS('␞', SORT_ARRAY(COLLECT_LIST(
      CONCAT_WS('␟', COALESCE(DATE_FORMAT(on_date, 'yyyy-MM-dd'), ''), on_precision, concept)
    ))), '') AS strokes
  FROM latest_concepts
  WHERE concept LIKE 'stroke %'
  GROUP BY institution, patient
),
people AS (
  SELECT institution, patient FROM latest_patients
  UNION
  SELECT institution, patient FROM facts
)
SELECT
  e.institution,
  e.patient,
  COALESCE(p.sex, '') AS sex,
  p.birth_year,
  COALESCE(DATE_FORMAT(p.died_on, 'yyyy-MM-dd'), '') AS died_on,
  COALESCE(p.died_precision, '') AS died_precision,
  COALESCE(s.strokes, '') AS strokes,
  COALESCE(g.facts, '') AS facts
FROM people e
LEFT JOIN latest_patients p ON e.institution = p.institution AND e.patient = p.patient
LEFT JOIN gathered g ON e.institution = g.institution AND e.patient = g.patient
LEFT JOIN strokes s ON e.institution = s.institution AND e.patient = s.patient
ORDER BY e.institution ASC NULLS LAST, e.patient ASC NULLS LAST;
