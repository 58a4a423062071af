-- One row a patient, with what the read side needs.
--
-- `facts` and `articles` are one text each: facts parted by ␞, fields of a fact by ␟, sorted. A list would come back from
-- Hive and Spark as text that is not always JSON. Neither sign is let into a table (acquisition replaces them). A fact
-- carries its concept and answer: deficits, risks, scales, stays, therapies, living and language are read from them, so
-- that each can be told as of any day. The stage depends on that day, too, and is told when the row is read.
-- A patient without a row in `patients` (it may come with a later batch) has a profile, too. A patient's facts may come
-- from more than one institution: their own readings and what they read come back from Strokemap. One of whom only those
-- are left, as the institution withdrew, has none.
-- Facts are read once: this is by far the largest of all queries, and each reading of them costs the engine a sort. The
-- rows of `patients` go through the same grouping: a full outer join of both costs a row store each pair of patients.
SELECT
  MAX(sender) AS institution,
  patient,
  COALESCE(MAX(sex), '') AS sex,
  MAX(birth_year) AS birth_year,
  COALESCE(MAX(died_on), '') AS died_on,
  COALESCE(MAX(died_precision), '') AS died_precision,
  COALESCE(CONCAT_WS('␞', SORT_ARRAY(COLLECT_LIST(CASE WHEN kind <> 'article' THEN fact END))), '') AS facts,
  COALESCE(CONCAT_WS('␞', SORT_ARRAY(COLLECT_LIST(CASE WHEN kind = 'article' THEN fact END))), '') AS articles
FROM (
  SELECT
    CASE WHEN institution <> 'strokemap' THEN institution END AS sender,
    patient,
    kind,
    CONCAT_WS(
      '␟', COALESCE(DATE_FORMAT(on_date, 'yyyy-MM-dd'), ''), on_precision, kind, system, code, source_column,
      source_value, display, institution, COALESCE(concept, ''), answer
    ) AS fact,
    CAST(NULL AS STRING) AS sex, CAST(NULL AS BIGINT) AS birth_year, CAST(NULL AS STRING) AS died_on,
    CAST(NULL AS STRING) AS died_precision
  FROM latest_concepts
  UNION ALL
  SELECT
    institution AS sender, patient, CAST(NULL AS STRING) AS kind, CAST(NULL AS STRING) AS fact,
    sex, birth_year, DATE_FORMAT(died_on, 'yyyy-MM-dd') AS died_on, died_precision
  FROM latest_patients
) told
GROUP BY patient
HAVING MAX(sender) IS NOT NULL
ORDER BY institution ASC NULLS LAST, patient ASC NULLS LAST;
