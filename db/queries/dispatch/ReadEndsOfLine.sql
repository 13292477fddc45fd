-- The last place of each lane's line before the model; a lane in which nobody waits has none.
SELECT lanes.name AS priority, plain_time(last.scheduled_for) AS until
FROM (VALUES ('urgent'), ('high'), ('medium'), ('low')) AS lanes (name)
CROSS JOIN LATERAL (
  SELECT q.scheduled_for FROM message_queue q
  WHERE q.status = 'queued' AND q.priority = lanes.name AND q.render_claim IS NULL AND q.scheduled_for = q.render_until
  ORDER BY q.scheduled_for DESC LIMIT 1
) AS last
