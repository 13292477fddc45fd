-- Messages that wait for a time of the next eight days, in all lanes.
INSERT INTO message_queue (id, user_id, agent_id, message_data, scheduled_for, priority, conversation_context_id, created_at)
SELECT ('00000000-0000-7000-9000-' || lpad(to_hex(i), 12, '0'))::uuid,
  'user_' || 1 + i % @users, 'concierge_agent_456',
  jsonb_build_object('content', 'Your intro request has been matched! Reply YES and we set up a time that suits both.'),
  @noon + interval '1 hour' + (i * 7919) % 691200 * interval '1 second', (ARRAY['urgent', 'high', 'medium', 'low'])[1 + i % 4],
  'conv_' || 1 + i % @users, @noon - interval '1 day'
FROM generate_series(1::bigint, @waiting) AS i
