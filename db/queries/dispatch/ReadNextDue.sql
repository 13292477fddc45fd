-- When the next message becomes due after the last pass: one look at the head of each lane. None in the queue: null.
SELECT plain_time(min(head.scheduled_for)) AS next_due, clock_timestamp() AS now
FROM (VALUES ('urgent'), ('high'), ('medium'), ('low')) AS lanes (name)
CROSS JOIN LATERAL (
  SELECT q.scheduled_for FROM message_queue q
  WHERE q.status = 'queued' AND q.priority = lanes.name AND q.scheduled_for > @after
  ORDER BY q.scheduled_for LIMIT 1
) AS head
