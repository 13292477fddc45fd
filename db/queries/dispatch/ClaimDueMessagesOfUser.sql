-- Claims one user's due messages after LockUser. It may wait for a dispatcher that holds the rows, which never waits itself. They are found as
-- LoadWaitingMessages does, and taken by their ids.
SELECT taken.id, taken.user_id::text, taken.priority, taken.created_at, plain_time(taken.scheduled_for) AS scheduled_for, taken.not_before, taken.expires_at, taken.can_delay,
  taken.best_at, taken.conversation_context_id::text AS conversation_id, taken.reason, taken.requires_fresh_context, taken.has_content, taken.has_brief, taken.sequence_id,
  true AS user_is_locked
FROM (
  SELECT due.id
  FROM (
    SELECT w.id, w.priority, w.scheduled_for FROM waiting_messages w
    WHERE w.user_id BETWEEN @userId::external_id AND @userId::external_id AND w.leads AND w.scheduled_for <= @now
    ORDER BY w.user_id, w.scheduled_for
    OFFSET 0
  ) AS due
  ORDER BY array_position(ARRAY['urgent', 'high', 'medium', 'low'], due.priority::text), due.scheduled_for
  LIMIT @limit
) AS wanted
CROSS JOIN LATERAL (
  SELECT m.* FROM queue_messages m
  WHERE m.id = wanted.id AND m.status || '' = 'queued' AND m.scheduled_for <= @now
  LIMIT 1
  FOR UPDATE
) AS taken
