-- What the database itself needs to take a message: one row, one commit. Nothing checked, nothing predicted.
INSERT INTO message_queue (id, user_id, agent_id, message_data, scheduled_for, priority, conversation_context_id, created_at)
VALUES (@id, 'user_' || @user, 'concierge_agent_456', '{"content": "Your intro request has been matched!"}', @now, 'high',
  'conv_' || @user, @now)
