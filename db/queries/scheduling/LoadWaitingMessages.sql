-- The messages of one user that go before a new one of the given lanes, to tell the slot that is left for it.
SELECT w.id, w.user_id::text, w.priority, w.created_at, plain_time(w.scheduled_for) AS scheduled_for, w.not_before, w.expires_at, w.can_delay,
  w.best_at, w.conversation_context_id::text AS conversation_id, w.reason, w.requires_fresh_context, w.has_content, w.sequence_id, w.topic
FROM waiting_messages w
WHERE w.user_id = @userId::external_id AND w.priority = ANY (@lanes)
ORDER BY w.scheduled_for
LIMIT @limit
