-- asks: Patients at risk: atrial fibrillation, no stroke so far, and no anticoagulant up to a day
-- param: as_of date | The day on which the answer should hold
-- columns: institution, patient, atrial_fibrillation_on, atrial_fibrillation_precision
SELECT
  institution,
  patient,
  DATE_FORMAT(MIN(CASE WHEN concept = 'risk atrial fibrillation' THEN on_date END), 'yyyy-MM-dd') AS atrial_fibrillation_on,
  MIN(CASE WHEN concept = 'risk atrial fibrillation' THEN on_precision END) AS atrial_fibrillation_precision
FROM latest_concepts
WHERE on_date <= :as_of AND answer = 'yes'
GROUP BY institution, patient
HAVING SUM(CASE WHEN concept = 'risk atrial fibrillation' THEN 1 ELSE 0 END) > 0
  AND SUM(CASE WHEN concept = 'drug anticoagulant' THEN 1 ELSE 0 END) = 0
  AND SUM(CASE WHEN concept LIKE 'stroke %' THEN 1 ELSE 0 END) = 0
ORDER BY institution ASC NULLS LAST, patient ASC NULLS LAST;
