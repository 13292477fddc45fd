-- What was handed over and not sent yet: how much, counted no further than a bound, and since when.
SELECT
  (SELECT count(*) FROM (SELECT FROM messages m WHERE m.direction = 'outbound' AND m.status = 'pending' LIMIT @countUpTo) AS counted) AS pending,
  plain_time((
    SELECT m.created_at FROM messages m WHERE m.direction = 'outbound' AND m.status = 'pending'
    ORDER BY m.created_at, m.id LIMIT 1)) AS oldest_pending
