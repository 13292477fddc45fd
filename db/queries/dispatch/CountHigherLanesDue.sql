-- How many messages of higher lanes than low are due; counts no further than the limit, above which the queue is busy anyway. Lane by
-- lane and in their order, because that is how an index has them.
SELECT count(*)
FROM (
  SELECT FROM (VALUES ('urgent'), ('high'), ('medium')) AS lanes (name)
  CROSS JOIN LATERAL (
    SELECT FROM message_queue q
    WHERE q.status = 'queued' AND q.priority = lanes.name AND q.scheduled_for <= @now
    ORDER BY q.scheduled_for
    LIMIT @limit
  ) AS ready
  LIMIT @limit
) AS due
