-- The users who have a message of a higher lane than low waiting: past the time it was asked for, whatever
-- holds it back; but a sequence that misses messages waits for those, not for its turn.
-- Found as LoadWaitingMessages does.
SELECT wanted.id
FROM unnest(@userIds::text[]) AS wanted (id)
CROSS JOIN LATERAL (
  SELECT FROM message_queue q
  WHERE q.status = 'queued' AND q.user_id BETWEEN wanted.id::external_id AND wanted.id::external_id AND q.priority <> 'low'
    AND q.reason IS DISTINCT FROM 'sequence_unfinished'
    AND (q.not_before IS NULL OR q.not_before <= @now)
  ORDER BY q.user_id, q.scheduled_for
  LIMIT 1
) AS higher
