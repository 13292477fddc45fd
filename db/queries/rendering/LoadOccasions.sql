-- The messages of a claim, and what the model is told of them. The newest inbound message is noted, so that what comes later is seen to
-- be later. Text and data are what the agent gave: what the model itself has written before is not put before it again.
SELECT q.id, q.user_id::text, q.render_attempts, coalesce(q.requires_fresh_context, false) AS requires_fresh_context,
  plain_time(q.created_at) AS queued_at, given.content, given.data,
  coalesce(nullif(q.final_message, ''), given.content) IS NOT NULL AS has_content,
  conversation.id::text AS conversation_id, conversation.summary, u.first_name,
  coalesce((
    SELECT plain_time(m.created_at) FROM messages m
    WHERE m.user_id = q.user_id AND m.direction = 'inbound' AND m.created_at <= @now
    ORDER BY m.created_at DESC LIMIT 1), 'epoch') AS newest_inbound_at
FROM message_queue q
JOIN users u ON u.id = q.user_id
CROSS JOIN LATERAL (
  SELECT nullif(q.message_data - 'content', '{}') AS data
) AS rest
CROSS JOIN LATERAL (
  SELECT rest.data::text AS data,
    coalesce(message_text(q.message_data), CASE WHEN rest.data IS NULL THEN nullif(q.final_message, '') END) AS content
) AS given
LEFT JOIN LATERAL (
  SELECT c.id, c.conversation_summary AS summary FROM conversations c
  WHERE c.id = q.conversation_context_id OR q.conversation_context_id IS NULL AND c.user_id = q.user_id AND c.status = 'active'
  ORDER BY c.created_at DESC LIMIT 1
) AS conversation ON true
WHERE q.id = ANY (@ids) AND q.status = 'queued' AND q.render_claim = @claim AND q.scheduled_for > @now
ORDER BY q.sequence_position, q.id
