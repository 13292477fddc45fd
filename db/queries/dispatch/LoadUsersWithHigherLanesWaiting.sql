-- The users who have a message of a higher lane than low waiting: past the time it was asked for, whatever
-- holds it back; but a sequence that misses messages waits for those, not for its turn.
SELECT DISTINCT q.user_id::text
FROM message_queue q
WHERE q.status = 'queued' AND q.user_id = ANY (@userIds::text[]::external_id[]) AND q.priority <> 'low'
  AND q.reason IS DISTINCT FROM 'sequence_unfinished'
  AND (q.not_before IS NULL OR q.not_before <= @now)
