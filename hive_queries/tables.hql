-- The tables of the history store, and what is read from them.
--
-- A batch is one Parquet file in institution=X/batch=D of each table that it has rows for. It counts from the moment when
-- its partition of `batches` is added, which is the last one: a table's rows are read only through their batch.
-- All event tables have the same columns, so that one view can put them together: LIKE is spelled out when this file is
-- read, as Hive and Spark differ in it.
-- `latest_*` keeps, for each natural key, the newest source row (RANK, as one source row may give many rows here) and
-- leaves out what the institution took back. The newest is the one changed last, by the institution's own clock where it
-- says so, or else acquired last: so it makes no difference in which order extracts come.
-- Patients who opted out are in no `latest_*`. They are the rows of `patients` under the institution `opt_out`, which
-- outlasts the withdrawal of the patient's own institution; a patient who comes back is a row taken back.
-- Code sets (what counts as a stroke, as aphasia …) stand in one place: the view `latest_concepts` at the end.

CREATE EXTERNAL TABLE IF NOT EXISTS batches (
  extract_format STRING COMMENT 'fhir, the name of a mapping, or mapping: and its digest',
  row_count BIGINT COMMENT 'Rows of the extract that were taken',
  patient_count BIGINT COMMENT 'Patients named in them',
  acquired_us BIGINT COMMENT 'When it was acquired: microseconds since 1970 in UTC, rising within an institution'
)
COMMENT 'Acquired extracts: a batch counts when its partition is here'
PARTITIONED BY (institution STRING, batch STRING)
STORED AS PARQUET;

CREATE EXTERNAL TABLE IF NOT EXISTS patients (
  row_key STRING COMMENT 'Keyed digest of the natural key of the source row',
  patient STRING COMMENT 'Keyed pseudonym of the patient',
  site STRING COMMENT 'The institution’s own number of a hospital, or empty',
  sex STRING COMMENT 'F, M or empty',
  birth_year BIGINT COMMENT 'Year of birth, by age where only that is known',
  died_on DATE COMMENT 'Earliest day that the date of death can mean',
  died_precision STRING COMMENT 'day, month, year, unknown, or empty while alive',
  status STRING COMMENT 'Empty, or void: the institution took it back',
  source_row BIGINT COMMENT 'Number of the source row in its batch',
  changed_us BIGINT COMMENT 'When the institution last changed the row, by its own clock, in microseconds, or NULL'
)
COMMENT 'One row a patient'
PARTITIONED BY (institution STRING, batch STRING)
STORED AS PARQUET;

CREATE EXTERNAL TABLE IF NOT EXISTS encounters (
  row_key STRING COMMENT 'Keyed digest of the natural key of the source row',
  patient STRING COMMENT 'Keyed pseudonym of the patient',
  encounter STRING COMMENT 'Keyed pseudonym of the encounter, or empty',
  kind STRING COMMENT 'What the fact is: encounter, condition, deficit …',
  system STRING COMMENT 'Code system: ist, snomed, icd10, rxnorm, loinc, or the URL as it came',
  code STRING COMMENT 'Code in that system, as it came',
  source_column STRING COMMENT 'Column or field of the extract that said it',
  source_value STRING COMMENT 'What stood there',
  quantity DOUBLE COMMENT 'The value as a number, where it is one',
  unit STRING COMMENT 'Unit of the quantity',
  display STRING COMMENT 'The institution’s words for the code',
  on_date DATE COMMENT 'Earliest day that the date can mean',
  on_precision STRING COMMENT 'day, month, year or unknown',
  until_date DATE COMMENT 'Last day, where it is known',
  status STRING COMMENT 'Empty, or void: the institution took it back',
  source_row BIGINT COMMENT 'Number of the source row in its batch',
  changed_us BIGINT COMMENT 'When the institution last changed the row, by its own clock, in microseconds, or NULL'
)
COMMENT 'Visits and stays'
PARTITIONED BY (institution STRING, batch STRING)
STORED AS PARQUET;

-- Diagnoses and findings.
CREATE EXTERNAL TABLE IF NOT EXISTS conditions LIKE encounters;
-- Measurements, and deficits found on examination.
CREATE EXTERNAL TABLE IF NOT EXISTS observations LIKE encounters;
-- Drugs given, prescribed or allocated.
CREATE EXTERNAL TABLE IF NOT EXISTS medications LIKE encounters;
-- What was done.
CREATE EXTERNAL TABLE IF NOT EXISTS procedures LIKE encounters;
-- Functional outcomes and assessments.
CREATE EXTERNAL TABLE IF NOT EXISTS rehab_assessments LIKE encounters;
-- Articles sent, read or rated.
CREATE EXTERNAL TABLE IF NOT EXISTS article_events LIKE encounters;

CREATE VIEW IF NOT EXISTS ranked_patients AS
SELECT
  r.institution, r.patient, r.site, r.sex, r.birth_year, r.died_on, r.died_precision, r.status,
  RANK() OVER (
    PARTITION BY r.institution, r.row_key
    ORDER BY
      COALESCE(r.changed_us, b.acquired_us) DESC NULLS LAST, b.acquired_us DESC NULLS LAST, b.batch DESC NULLS LAST,
      r.source_row DESC NULLS LAST
  ) AS age_rank
FROM patients r
JOIN batches b ON r.institution = b.institution AND r.batch = b.batch;

CREATE VIEW IF NOT EXISTS opted_out AS
SELECT patient
FROM ranked_patients
WHERE institution = 'opt_out' AND age_rank = 1 AND status = '';

CREATE VIEW IF NOT EXISTS latest_patients AS
SELECT r.institution, r.patient, r.site, r.sex, r.birth_year, r.died_on, r.died_precision
FROM ranked_patients r
LEFT JOIN opted_out o ON r.patient = o.patient
WHERE r.institution <> 'opt_out' AND r.age_rank = 1 AND r.status = '' AND o.patient IS NULL;

-- All event tables as one, so that a newer source row replaces all that an older one became, in whichever table.
CREATE VIEW IF NOT EXISTS events AS
SELECT
  'encounters' AS origin, institution, patient, encounter, kind, system, code, source_column, source_value, quantity,
  unit, display, on_date, on_precision, until_date, batch, row_key, status, source_row, changed_us
FROM encounters
UNION ALL
SELECT
  'conditions' AS origin, institution, patient, encounter, kind, system, code, source_column, source_value, quantity,
  unit, display, on_date, on_precision, until_date, batch, row_key, status, source_row, changed_us
FROM conditions
UNION ALL
SELECT
  'observations' AS origin, institution, patient, encounter, kind, system, code, source_column, source_value, quantity,
  unit, display, on_date, on_precision, until_date, batch, row_key, status, source_row, changed_us
FROM observations
UNION ALL
SELECT
  'medications' AS origin, institution, patient, encounter, kind, system, code, source_column, source_value, quantity,
  unit, display, on_date, on_precision, until_date, batch, row_key, status, source_row, changed_us
FROM medications
UNION ALL
SELECT
  'procedures' AS origin, institution, patient, encounter, kind, system, code, source_column, source_value, quantity,
  unit, display, on_date, on_precision, until_date, batch, row_key, status, source_row, changed_us
FROM procedures
UNION ALL
SELECT
  'rehab_assessments' AS origin, institution, patient, encounter, kind, system, code, source_column, source_value, quantity,
  unit, display, on_date, on_precision, until_date, batch, row_key, status, source_row, changed_us
FROM rehab_assessments
UNION ALL
SELECT
  'article_events' AS origin, institution, patient, encounter, kind, system, code, source_column, source_value, quantity,
  unit, display, on_date, on_precision, until_date, batch, row_key, status, source_row, changed_us
FROM article_events;

CREATE VIEW IF NOT EXISTS latest_events AS
SELECT
  ranked.origin,
  ranked.institution, ranked.patient, ranked.encounter, ranked.kind, ranked.system, ranked.code, ranked.source_column,
  ranked.source_value, ranked.quantity, ranked.unit, ranked.display, ranked.on_date, ranked.on_precision,
  ranked.until_date
FROM (
  SELECT
    e.origin, e.status,
    e.institution, e.patient, e.encounter, e.kind, e.system, e.code, e.source_column, e.source_value, e.quantity,
    e.unit, e.display, e.on_date, e.on_precision, e.until_date,
    RANK() OVER (
      PARTITION BY e.institution, e.row_key
      ORDER BY
        COALESCE(e.changed_us, b.acquired_us) DESC NULLS LAST, b.acquired_us DESC NULLS LAST, b.batch DESC NULLS LAST,
        e.source_row DESC NULLS LAST
    ) AS age_rank
  FROM events e
  JOIN batches b ON e.institution = b.institution AND e.batch = b.batch
) ranked
LEFT JOIN opted_out o ON ranked.patient = o.patient
WHERE ranked.age_rank = 1 AND ranked.status = '' AND o.patient IS NULL;

-- All facts on patients, each with the concept that it states, or NULL, and what it answers: yes, no, not assessed, not
-- known; of an observation or an article what was said. Articles (kind `article`) are no facts on health.
--
-- This is the only place with code sets. IST: University of Edinburgh, doi:10.7488/ds/104, its table of variables.
-- ICD-10: chapters E, F, I, R, Z. SNOMED CT: single codes, not their descendants. LOINC: 72089-6 is the total of the NIH
-- stroke scale, 75859-9 the modified Rankin scale, 54899-0 the preferred language, 71802-3 the housing status.
-- Oral anticoagulants: by ingredient (RxNorm), or by its name in the institution's words, as products have too many codes
-- to list. An institution's other codes are facts all the same, only without a concept. The first word of a concept is its
-- family: stroke, deficit, risk, drug, rehabilitation, scale, measure, stay, visit, living, language. `stroke none` is the
-- final diagnosis that it was none.
CREATE VIEW IF NOT EXISTS latest_concepts AS
SELECT
  f.institution, f.patient, f.encounter, f.kind, f.system, f.code, f.source_column, f.source_value, f.quantity, f.unit,
  f.display, f.on_date, f.on_precision, f.until_date,
  CASE
    WHEN f.system = 'ist' THEN
      CASE
        WHEN f.code = 'STYPE' THEN 'stroke unknown'
        WHEN f.code = 'DDIAGISC' AND f.source_value = 'Y' THEN 'stroke ischaemic'
        WHEN f.code = 'DDIAGHA' AND f.source_value = 'Y' THEN 'stroke haemorrhagic'
        WHEN f.code = 'DNOSTRK' AND f.source_value = 'Y' THEN 'stroke none'
        WHEN f.code = 'RDEF1' THEN 'deficit face'
        WHEN f.code = 'RDEF2' THEN 'deficit arm or hand'
        WHEN f.code = 'RDEF3' THEN 'deficit leg or foot'
        WHEN f.code = 'RDEF4' THEN 'deficit aphasia'
        WHEN f.code = 'RDEF5' THEN 'deficit hemianopia'
        WHEN f.code = 'RDEF6' THEN 'deficit visuospatial'
        WHEN f.code = 'RDEF7' THEN 'deficit brainstem or cerebellar'
        WHEN f.code = 'RDEF8' THEN 'deficit other'
        WHEN f.code = 'RATRIAL' THEN 'risk atrial fibrillation'
        WHEN f.code = 'RXHEP' AND f.source_value IN ('L', 'M', 'H') THEN 'drug anticoagulant'
        WHEN f.code IN ('DOAC', 'FOAC') THEN 'drug anticoagulant'
        WHEN f.code = 'RSBP' THEN 'measure systolic blood pressure'
        WHEN f.code = 'DALIVE' AND f.source_value = 'Y' THEN 'stay discharge'
        WHEN f.code IN ('DPLACE', 'FPLACE') THEN 'living'
      END
    WHEN f.kind = 'encounter' THEN
      CASE
        WHEN f.code IN ('32485007', '8715000', '183452005', '305351004') THEN 'stay hospital'
        WHEN f.code = '390906007' THEN 'visit follow-up'
      END
    WHEN f.system = 'icd10' THEN
      CASE
        WHEN f.code LIKE 'I63%' THEN 'stroke ischaemic'
        WHEN f.code LIKE 'I60%' OR f.code LIKE 'I61%' OR f.code LIKE 'I62%' THEN 'stroke haemorrhagic'
        WHEN f.code LIKE 'I64%' THEN 'stroke unknown'
        WHEN f.code LIKE 'R47.0%' OR f.code LIKE 'R470%' THEN 'deficit aphasia'
        WHEN f.code LIKE 'I48%' THEN 'risk atrial fibrillation'
        WHEN f.code LIKE 'I10%' OR f.code LIKE 'I11%' OR f.code LIKE 'I12%' OR f.code LIKE 'I13%' THEN 'risk hypertension'
        WHEN f.code LIKE 'E10%' OR f.code LIKE 'E11%' OR f.code LIKE 'E13%' OR f.code LIKE 'E14%' THEN 'risk diabetes'
        WHEN f.code LIKE 'E78%' THEN 'risk high cholesterol'
        WHEN f.code LIKE 'E66%' THEN 'risk obesity'
        WHEN f.code LIKE 'F17%' OR f.code LIKE 'Z72.0%' THEN 'risk smoking'
      END
    WHEN f.system = 'snomed' THEN
      CASE
        WHEN f.code IN ('422504002', '432504007', '371040005', '371041009') THEN 'stroke ischaemic'
        WHEN f.code IN ('274100004', '21454007', '1386000') THEN 'stroke haemorrhagic'
        WHEN f.code IN ('230690007', '230713003') THEN 'stroke unknown'
        WHEN f.code IN ('87486003') THEN 'deficit aphasia'
        WHEN f.code IN ('49436004', '282825002', '440059007') THEN 'risk atrial fibrillation'
        WHEN f.code IN ('38341003', '59621000') THEN 'risk hypertension'
        WHEN f.code IN ('73211009', '44054006', '46635009') THEN 'risk diabetes'
        WHEN f.code IN ('55822004') THEN 'risk high cholesterol'
        WHEN f.code IN ('414916001', '162864005', '408512008') THEN 'risk obesity'
        WHEN f.code IN ('77176002', '449868002') THEN 'risk smoking'
        WHEN f.code IN ('5154007', '311555007') THEN 'rehabilitation speech therapy'
        WHEN f.code IN ('91251008') THEN 'rehabilitation physiotherapy'
        WHEN f.code IN ('84478008') THEN 'rehabilitation occupational therapy'
      END
    WHEN f.kind = 'medication' THEN
      CASE
        WHEN f.system = 'rxnorm' AND f.code IN ('11289', '1364430', '1114195', '1037042', '1599538')
          THEN 'drug anticoagulant'
        WHEN LOWER(f.display) LIKE '%warfarin%' OR LOWER(f.display) LIKE '%apixaban%' THEN 'drug anticoagulant'
        WHEN LOWER(f.display) LIKE '%rivaroxaban%' OR LOWER(f.display) LIKE '%dabigatran%' THEN 'drug anticoagulant'
        WHEN LOWER(f.display) LIKE '%edoxaban%' OR LOWER(f.display) LIKE '%acenocoumarol%' THEN 'drug anticoagulant'
        WHEN LOWER(f.display) LIKE '%phenprocoumon%' THEN 'drug anticoagulant'
      END
    WHEN f.system = 'bcp47' THEN 'language'
    WHEN f.system = 'loinc' THEN
      CASE
        WHEN f.code = '8480-6' THEN 'measure systolic blood pressure'
        WHEN f.code = '72089-6' THEN 'scale nihss'
        WHEN f.code = '75859-9' THEN 'scale mrs'
        WHEN f.code = '71802-3' THEN 'living'
        WHEN f.code = '54899-0' THEN 'language'
      END
  END AS concept,
  CASE
    WHEN f.system = 'ist' AND f.code IN ('DPLACE', 'FPLACE') THEN
      CASE
        WHEN f.source_value = 'A' THEN 'home'
        WHEN f.source_value = 'B' THEN 'relatives'
        WHEN f.source_value = 'C' THEN 'residential care'
        WHEN f.source_value = 'D' THEN 'nursing home'
        WHEN f.source_value = 'E' THEN 'another hospital department'
        ELSE 'not known'
      END
    WHEN f.system = 'ist' THEN
      CASE
        WHEN f.source_value = 'N' THEN 'no'
        WHEN f.source_value = 'C' THEN 'not assessed'
        WHEN f.source_value = 'U' THEN 'not known'
        ELSE 'yes'
      END
    WHEN f.kind IN ('observation', 'article') THEN f.source_value
    ELSE 'yes'
  END AS answer
FROM latest_events f;

-- The same facts, each under the institution whose patient it is, not under Strokemap, which a patient told; of patients
-- of whom only that is left, as their institution withdrew, none.
CREATE VIEW IF NOT EXISTS owned_concepts AS
SELECT
  owner AS institution, told_by, patient, encounter, kind, code, concept, answer, quantity, on_date, on_precision, until_date
FROM (
  SELECT
    institution AS told_by, patient, encounter, kind, code, concept, answer, quantity, on_date, on_precision,
    until_date, MAX(CASE WHEN institution <> 'strokemap' THEN institution END) OVER (PARTITION BY patient) AS owner
  FROM latest_concepts
) told
WHERE owner IS NOT NULL;

-- The facts of all patients with a dated stroke, each with the first stroke that stands (a later final diagnosis of none
-- undoes it), and the end of the stay for it, where one is known: the first stay in hospital that ended after it.
CREATE VIEW IF NOT EXISTS stroke_facts AS
SELECT
  institution, patient, encounter, kind, concept, answer, quantity, on_date, on_precision, stroke_on,
  MIN(CASE WHEN stands = 1 AND on_date = stroke_on THEN on_precision END) OVER (PARTITION BY patient)
    AS stroke_precision,
  MIN(
    CASE
      WHEN concept = 'stay discharge' AND on_date >= stroke_on THEN on_date
      WHEN concept = 'stay hospital' AND until_date >= stroke_on THEN until_date
    END
  ) OVER (PARTITION BY patient) AS discharged_on
FROM (
  SELECT
    institution, patient, encounter, kind, concept, answer, quantity, on_date, on_precision, until_date, stands,
    MIN(CASE WHEN stands = 1 THEN on_date END) OVER (PARTITION BY patient) AS stroke_on
  FROM (
    SELECT
      institution, patient, encounter, kind, concept, answer, quantity, on_date, on_precision, until_date,
      CASE WHEN concept LIKE 'stroke %' AND (none_on IS NULL OR on_date > none_on) THEN 1 ELSE 0 END AS stands
    FROM (
      SELECT
        institution, patient, encounter, kind, concept, answer, quantity, on_date, on_precision, until_date,
        MAX(CASE WHEN concept = 'stroke none' THEN on_date END) OVER (PARTITION BY patient) AS none_on
      FROM owned_concepts
    ) told
  ) stated
) dated
WHERE stroke_on IS NOT NULL;
