-- The batches that count.
SELECT institution, batch, extract_format, row_count, patient_count, acquired_us
FROM batches
ORDER BY institution ASC NULLS LAST, acquired_us ASC NULLS LAST, batch ASC NULLS LAST;
