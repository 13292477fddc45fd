-- Nor does the provider get two SMS for one person within 30 seconds, by its own clock; a sequence is one.
WITH deliveries AS (
  SELECT h.user_id, h.delivery, min(t.seconds) AS starts, max(t.seconds) AS ends
  FROM taken t JOIN handed_over h ON h.id = t.message_id
  GROUP BY h.user_id, h.delivery
), gaps AS (
  SELECT user_id, starts - lag(ends) OVER (PARTITION BY user_id ORDER BY starts) AS gap FROM deliveries
)
SELECT format('%s was sent two SMS within %s seconds', user_id, round(gap::numeric, 3)) FROM gaps WHERE gap < 30
