-- asks: Articles sent to patients, whether they were read, and how they were rated
-- param: article string = | One article only; empty for all
-- columns: institution, patient, article, sent_on, read_on, rated
SELECT
  institution,
  patient,
  code AS article,
  DATE_FORMAT(MIN(CASE WHEN answer = 'sent' THEN on_date END), 'yyyy-MM-dd') AS sent_on,
  DATE_FORMAT(MIN(CASE WHEN answer = 'read' THEN on_date END), 'yyyy-MM-dd') AS read_on,
  MAX(CASE WHEN answer IN ('helpful', 'not helpful') THEN answer END) AS rated
FROM owned_concepts
WHERE kind = 'article' AND answer IN ('sent', 'read', 'helpful', 'not helpful')
  AND (:article = '' OR code = :article)
GROUP BY institution, patient, code
ORDER BY institution ASC NULLS LAST, patient ASC NULLS LAST, article ASC NULLS LAST;
