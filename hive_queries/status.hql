-- What is held of each institution. Patients are counted once, however many batches name them.
SELECT
  b.institution,
  COALESCE(p.patients, 0) AS patients,
  b.batches,
  b.row_count,
  b.last_us
FROM (
  SELECT institution, COUNT(*) AS batches, SUM(row_count) AS row_count, MAX(acquired_us) AS last_us
  FROM batches
  WHERE institution <> 'opt_out'
  GROUP BY institution
) b
LEFT JOIN (
  SELECT institution, COUNT(DISTINCT patient) AS patients
  FROM latest_patients
  GROUP BY institution
) p ON b.institution = p.institution
ORDER BY b.institution ASC NULLS LAST;
