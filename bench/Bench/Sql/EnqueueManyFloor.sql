-- What the database itself needs to take many messages at once: one statement, one commit. Nothing checked, nothing predicted.
INSERT INTO message_queue (id, user_id, agent_id, message_data, scheduled_for, priority, conversation_context_id, created_at)
SELECT id, 'user_' || user_number, 'concierge_agent_456', '{"content": "Your intro request has been matched!"}', @now, 'high',
  'conv_' || user_number, @now
FROM unnest(@ids, @users) AS m (id, user_number)
