-- How much is due and how much waits in each lane, counted no further than a bound: of ten million rows the figure is the bound, at the cost
-- of the bound. The oldest is the first of its lane's index.
SELECT lanes.name AS lane,
  (SELECT count(*) FROM (
    SELECT FROM message_queue q WHERE q.status = 'queued' AND q.priority = lanes.name AND q.scheduled_for <= @now LIMIT @countUpTo) AS counted) AS due,
  (SELECT count(*) FROM (
    SELECT FROM message_queue q WHERE q.status = 'queued' AND q.priority = lanes.name AND q.scheduled_for > @now LIMIT @countUpTo) AS counted) AS waiting,
  plain_time((
    SELECT q.scheduled_for FROM message_queue q
    WHERE q.status = 'queued' AND q.priority = lanes.name AND q.scheduled_for <= @now
    ORDER BY q.scheduled_for LIMIT 1)) AS oldest_due
FROM (VALUES ('urgent'), ('high'), ('medium'), ('low')) AS lanes (name)
