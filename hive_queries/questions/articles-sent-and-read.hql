-- asks: Articles sent to patients, whether they were read, and how they were rated
-- param: article string = | One article only; empty for all
SELECT
  COALESCE(p.institution, e.told_by) AS institution,
  e.patient,
  e.article,
  DATE_FORMAT(e.first_sent, 'yyyy-MM-dd') AS sent_on,
  DATE_FORMAT(e.first_read, 'yyyy-MM-dd') AS read_on,
  e.rated
FROM (
  SELECT
    patient, code AS article, MIN(institution) AS told_by,
    MIN(CASE WHEN answer = 'sent' THEN on_date END) AS first_sent,
    MIN(CASE WHEN answer = 'read' THEN on_date END) AS first_read,
    MAX(CASE WHEN answer IN ('helpful', 'not helpful') THEN answer END) AS rated
  FROM latest_concepts
  WHERE kind = 'article' AND answer IN ('sent', 'read', 'helpful', 'not helpful') AND (:article = '' OR code = :article)
  GROUP BY patient, code
) e
LEFT JOIN latest_patients p ON p.patient = e.patient
ORDER BY e.patient ASC NULLS LAST, e.article ASC NULLS LAST;
