-- The rows of profile.hql of the patients whom some batches touch; without a sex, nothing is left of the patient.
--
-- {name} stands for the text of that view of tables.hql, or of profile.hql: what a profile is, is said there alone. Read
-- over a few rows: a patient is touched by each row whose natural key stands in one of the batches, in any vintage, as a
-- newer row can take a fact from one patient and give it to another. Of the keys of touched patients all rows are read,
-- since which one is the newest can't be told from some of them.
WITH new_batches AS (
  SELECT institution, batch FROM batches WHERE :batches LIKE CONCAT('%', batch, '%')
),
every_event AS (
{events}
),
new_keys AS (
  SELECT e.institution, e.row_key
  FROM every_event e
  JOIN new_batches b ON e.institution = b.institution AND e.batch = b.batch
  UNION ALL
  SELECT r.institution, r.row_key
  FROM patients r
  JOIN new_batches b ON r.institution = b.institution AND r.batch = b.batch
),
touched AS (
  SELECT DISTINCT patient
  FROM (
    SELECT e.patient
    FROM every_event e
    LEFT SEMI JOIN new_keys k ON e.institution = k.institution AND e.row_key = k.row_key
    UNION ALL
    SELECT r.patient
    FROM patients r
    LEFT SEMI JOIN new_keys k ON r.institution = k.institution AND r.row_key = k.row_key
  ) named
),
events AS (
  SELECT
    e.origin, e.institution, e.patient, e.encounter, e.kind, e.system, e.code, e.source_column, e.source_value,
    e.quantity, e.unit, e.display, e.on_date, e.on_precision, e.until_date, e.batch, e.row_key, e.status, e.source_row,
    e.changed_us
  FROM every_event e
  LEFT SEMI JOIN (
    SELECT a.institution, a.row_key FROM every_event a LEFT SEMI JOIN touched t ON a.patient = t.patient
  ) k ON e.institution = k.institution AND e.row_key = k.row_key
),
latest_events AS (
{latest_events}
),
latest_concepts AS (
{latest_concepts}
),
profiles AS (
{profile}
)
SELECT t.patient AS touched_patient, p.institution, p.patient, p.sex, p.birth_year, p.died_on, p.died_precision, p.facts,
  p.articles
FROM touched t
LEFT JOIN profiles p ON p.patient = t.patient;
