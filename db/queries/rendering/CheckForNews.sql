-- Which of the messages that must still make sense have something to be judged by: a message never judged, anything that was said since it
-- was queued; one that was, what the user has written since then.
SELECT q.id
FROM message_queue q
WHERE q.id = ANY (@ids) AND (
  EXISTS (
    SELECT FROM messages m
    WHERE m.user_id = q.user_id AND m.direction = 'inbound' AND m.created_at > coalesce(q.judged_at, q.created_at) AND m.created_at <= @now)
  OR q.judged_at IS NULL AND EXISTS (
    SELECT FROM messages m
    WHERE m.conversation_id = coalesce(q.conversation_context_id, (
        SELECT c.id FROM conversations c WHERE c.user_id = q.user_id AND c.status = 'active' ORDER BY c.created_at DESC LIMIT 1))
      AND m.direction = 'outbound' AND m.created_at > q.created_at AND m.created_at <= @now
      AND m.status IS DISTINCT FROM 'cancelled'))
