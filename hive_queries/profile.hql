-- One row a patient, with what the read side needs.
--
-- `facts` and `articles` are one text each: facts parted by ␞, fields of a fact by ␟, sorted. A list would come back from
-- Hive and Spark as text that is not always JSON. Neither sign is let into a table (acquisition replaces them). A fact
-- carries its concept and answer: deficits, risks, scales, stays, therapies, living and language are read from them, so
-- that each can be told as of any day. The stage depends on that day, too, and is told when the row is read.
-- A patient without a row in `patients` (it may come with a later batch) has a profile, too. A patient's facts may come
-- from more than one institution: their own readings and what they read come back from Strokemap. One of whom only those
-- are left, as the institution withdrew, has none.
-- Facts are read once: this is by far the largest of all queries, and each reading of them costs the engine a sort.
SELECT
  COALESCE(p.institution, f.sender) AS institution,
  COALESCE(p.patient, f.patient) AS patient,
  COALESCE(p.sex, '') AS sex,
  p.birth_year,
  COALESCE(DATE_FORMAT(p.died_on, 'yyyy-MM-dd'), '') AS died_on,
  COALESCE(p.died_precision, '') AS died_precision,
  COALESCE(f.facts, '') AS facts,
  COALESCE(f.articles, '') AS articles
FROM (
  SELECT
    patient,
    MAX(CASE WHEN institution <> 'strokemap' THEN institution END) AS sender,
    COALESCE(CONCAT_WS('␞', SORT_ARRAY(COLLECT_LIST(CASE WHEN kind <> 'article' THEN fact END))), '') AS facts,
    COALESCE(CONCAT_WS('␞', SORT_ARRAY(COLLECT_LIST(CASE WHEN kind = 'article' THEN fact END))), '') AS articles
  FROM (
    SELECT
      institution, patient, kind,
      CONCAT_WS(
        '␟', COALESCE(DATE_FORMAT(on_date, 'yyyy-MM-dd'), ''), on_precision, kind, system, code, source_column,
        source_value, display, institution, COALESCE(concept, ''), answer
      ) AS fact
    FROM latest_concepts
  ) told
  GROUP BY patient
) f
FULL OUTER JOIN latest_patients p ON p.patient = f.patient
WHERE COALESCE(p.institution, f.sender) IS NOT NULL
ORDER BY institution ASC NULLS LAST, patient ASC NULLS LAST;
