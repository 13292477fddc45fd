-- The messages of a claim, and what the model is told of them. The newest inbound message is noted, so that what comes later is seen to
-- be later. Text and data are what the agent gave: what the model itself has written before is not put before it again. The digest tells
-- afterwards whether the message is still the one that the model saw.
SELECT q.id, q.user_id::text, coalesce(q.requires_fresh_context, false) AS requires_fresh_context,
  news_from(q.created_at, q.not_before, q.scheduled_for) AS queued_at,
  coalesce(message_text(q.message_data), CASE WHEN message_brief(q.message_data) IS NULL THEN nullif(q.final_message, '') END) AS content,
  message_brief(q.message_data)::text AS data, text_to_send(q.final_message, q.message_data) IS NOT NULL AS has_content,
  md5(row(q.message_data, q.final_message, q.requires_fresh_context)::text) AS digest,
  conversation.id::text AS conversation_id, conversation.summary, u.first_name,
  coalesce((
    SELECT plain_time(m.created_at) FROM messages m
    WHERE m.user_id = q.user_id AND m.direction = 'inbound' AND m.created_at <= greatest(@now, clock_timestamp())
    ORDER BY m.created_at DESC LIMIT 1), 'epoch') AS newest_inbound_at
FROM message_queue q
JOIN users u ON u.id = q.user_id
LEFT JOIN LATERAL (
  SELECT c.id, c.conversation_summary AS summary FROM conversations c
  WHERE c.id = q.conversation_context_id OR q.conversation_context_id IS NULL AND c.user_id = q.user_id AND c.status = 'active'
  ORDER BY c.created_at DESC LIMIT 1
) AS conversation ON true
WHERE q.id = ANY (@ids) AND q.status = 'queued' AND q.render_claim = @claim AND q.scheduled_for > @now
ORDER BY q.sequence_position, q.id
