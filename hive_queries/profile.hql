-- One row a patient, with what the read side needs.
--
-- `facts` and `strokes` are one text each: facts parted by ␞, fields of a fact by ␟, sorted. A list would come back from
-- Hive and Spark as text that is not always JSON. Neither sign is let into a table (acquisition replaces them).
-- A patient without a row in `patients` (it may come with a later batch) has a profile, too; one of whom only our own
-- events are left, as the institution withdrew, has none.
-- Facts are read once: this is by far the largest of all queries, and each reading of them costs the engine a sort.
SELECT
  COALESCE(p.institution, f.sender) AS institution,
  COALESCE(p.patient, f.patient) AS patient,
  COALESCE(p.sex, '') AS sex,
  p.birth_year,
  COALESCE(DATE_FORMAT(p.died_on, 'yyyy-MM-dd'), '') AS died_on,
  COALESCE(p.died_precision, '') AS died_precision,
  COALESCE(f.strokes, '') AS strokes,
  COALESCE(f.facts, '') AS facts
FROM (
  SELECT
    patient,
    MAX(CASE WHEN institution <> 'strokemap' THEN institution END) AS sender,
    COALESCE(CONCAT_WS('␞', SORT_ARRAY(COLLECT_LIST(CONCAT_WS(
      '␟', COALESCE(DATE_FORMAT(on_date, 'yyyy-MM-dd'), ''), on_precision, kind, system, code, source_column,
      source_value, display, institution
    )))), '') AS facts,
    COALESCE(CONCAT_WS('␞', SORT_ARRAY(COLLECT_LIST(
      CASE
        WHEN concept LIKE 'stroke %'
          THEN CONCAT_WS('␟', COALESCE(DATE_FORMAT(on_date, 'yyyy-MM-dd'), ''), on_precision, concept)
      END
    ))), '') AS strokes
  FROM latest_concepts
  GROUP BY patient
) f
FULL OUTER JOIN latest_patients p ON p.patient = f.patient
WHERE COALESCE(p.institution, f.sender) IS NOT NULL
ORDER BY institution ASC NULLS LAST, patient ASC NULLS LAST;
