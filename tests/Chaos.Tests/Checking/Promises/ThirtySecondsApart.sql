-- Between two deliveries to one person lie 30 seconds; a sequence is one.
WITH deliveries AS (
  SELECT user_id, delivery, min(created_at) AS at FROM handed_over GROUP BY user_id, delivery
), gaps AS (
  SELECT user_id, at, lag(at) OVER (PARTITION BY user_id ORDER BY at) AS before FROM deliveries
)
SELECT format('%s had deliveries at %s and %s', user_id, before, at) FROM gaps WHERE at - before < interval '30 seconds'
