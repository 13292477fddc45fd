-- Claims one user's due messages after LockUser. It may wait for a dispatcher that holds the rows, which never waits itself.
SELECT w.id, w.user_id::text, w.priority, w.created_at, plain_time(w.scheduled_for) AS scheduled_for, w.not_before, w.expires_at, w.can_delay,
  w.best_at, w.conversation_context_id::text AS conversation_id, w.reason, w.requires_fresh_context, w.has_content, w.has_brief, w.sequence_id, true AS user_is_locked
FROM waiting_messages w
WHERE w.user_id = @userId::external_id AND w.leads AND w.scheduled_for <= @now
ORDER BY array_position(ARRAY['urgent', 'high', 'medium', 'low'], w.priority::text), w.scheduled_for
LIMIT @limit
FOR UPDATE
