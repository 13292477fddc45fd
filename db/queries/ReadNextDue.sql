-- When the next message is due: one look at the head of each lane. No row in the queue: null.
SELECT min(head.scheduled_for) AS next_due, clock_timestamp() AS now
FROM (VALUES ('urgent'), ('high'), ('medium'), ('low')) AS lanes (name)
CROSS JOIN LATERAL (
  SELECT q.scheduled_for FROM message_queue q
  WHERE q.status = 'queued' AND q.priority = lanes.name
  ORDER BY q.scheduled_for LIMIT 1
) AS head
