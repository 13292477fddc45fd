-- One due message for each of the users, in two lanes, in an order of time that is not the order of the users. Ids ascend with
-- time, as those that the service makes.
INSERT INTO message_queue (id, user_id, agent_id, message_data, scheduled_for, priority, conversation_context_id, created_at)
SELECT ('00000000-0000-7000-8000-' || lpad(to_hex(i), 12, '0'))::uuid,
  'user_' || 1 + (i * 7919) % @users, 'concierge_agent_456',
  jsonb_build_object('content', 'Your intro request has been matched! Reply YES and we set up a time that suits both.'),
  @noon - interval '10 minutes' + i * interval '1 millisecond', (ARRAY['high', 'medium'])[1 + i % 2],
  'conv_' || 1 + (i * 7919) % @users, @noon - interval '15 minutes' + i * interval '1 millisecond'
FROM generate_series(1::bigint, @users) AS i
