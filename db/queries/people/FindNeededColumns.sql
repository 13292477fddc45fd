-- The columns without which the table of users takes no row: an adopted one may want some that this service knows nothing of.
SELECT a.attname::text
FROM pg_attribute a
WHERE a.attrelid = 'users'::regclass AND a.attnum > 0 AND NOT a.attisdropped AND a.attnotnull AND NOT a.atthasdef AND a.attidentity = ''
  AND a.attname NOT IN ('id', 'opted_out')
ORDER BY a.attnum
