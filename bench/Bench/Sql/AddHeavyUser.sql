-- One user with many messages, all due before anybody else's.
WITH added AS (
  INSERT INTO users (id, phone_number, timezone) VALUES ('user_heavy', '+15550000000', 'America/New_York')
), conversing AS (
  INSERT INTO conversations (id, user_id, phone_number, status) VALUES ('conv_heavy', 'user_heavy', '+15550000000', 'active')
)
INSERT INTO message_queue (id, user_id, agent_id, message_data, scheduled_for, priority, conversation_context_id, created_at)
SELECT ('00000000-0000-7000-a000-' || lpad(to_hex(i), 12, '0'))::uuid, 'user_heavy', 'concierge_agent_456',
  jsonb_build_object('content', 'Your intro request has been matched! Reply YES and we set up a time that suits both.'),
  @noon - interval '1 hour' + i * interval '1 millisecond', 'high', 'conv_heavy', @noon - interval '2 hours'
FROM generate_series(1, @messages) AS i
