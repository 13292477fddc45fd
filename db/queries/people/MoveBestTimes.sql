-- Gives waiting messages the best time in their user's new zone and quiet hours, under the user's lock.
-- The rows are found by id: a status compared as it is would invite a walk through all that waits.
UPDATE message_queue q
SET best_at = moved.best_at
FROM unnest(@ids::uuid[], @bestTimes::timestamptz[]) AS moved (id, best_at)
WHERE q.id = moved.id AND q.status || '' = 'queued'
