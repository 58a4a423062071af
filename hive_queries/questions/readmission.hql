-- asks: Patients in hospital again within the days after the stay for their stroke
-- param: days integer = 90 | Days after discharge within which a stay counts
-- columns: institution, patient, left_on, readmitted_on, days_between
SELECT
  institution,
  patient,
  DATE_FORMAT(discharged_on, 'yyyy-MM-dd') AS left_on,
  DATE_FORMAT(MIN(on_date), 'yyyy-MM-dd') AS readmitted_on,
  DATEDIFF(MIN(on_date), discharged_on) AS days_between
FROM stroke_facts
WHERE concept = 'stay hospital' AND DATEDIFF(on_date, discharged_on) BETWEEN 1 AND :days
GROUP BY institution, patient, discharged_on
ORDER BY institution ASC NULLS LAST, patient ASC NULLS LAST;
