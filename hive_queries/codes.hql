-- The codes that came, with how many patients and facts have each, and whether a concept is made of it.
SELECT
  system,
  code,
  COALESCE(MAX(display), '') AS words,
  COUNT(DISTINCT patient) AS patients,
  COUNT(*) AS facts,
  COALESCE(MAX(concept), '') AS meaning
FROM latest_concepts
WHERE kind <> 'article'
GROUP BY system, code
ORDER BY facts DESC NULLS LAST, system ASC NULLS LAST, code ASC NULLS LAST;
