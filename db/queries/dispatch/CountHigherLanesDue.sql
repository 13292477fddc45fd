-- How many messages of higher lanes than low are due; counts no further than the limit, above which the queue is busy anyway.
SELECT count(*)
FROM (
  SELECT FROM message_queue q
  WHERE q.status = 'queued' AND q.priority IN ('urgent', 'high', 'medium') AND q.scheduled_for <= @now
  LIMIT @limit
) AS due
