-- Messages delivered during the days before, with their rows in messages and in the trail.
WITH finished AS (
  INSERT INTO message_queue (id, user_id, agent_id, message_data, scheduled_for, priority, status, reason, conversation_context_id, created_at,
    sent_at, finished_at, delivered_message_id)
  SELECT id, 'user_' || 1 + i % @users, 'concierge_agent_456',
    jsonb_build_object('content', 'Your intro request has been matched! Reply YES and we set up a time that suits both.'),
    at, (ARRAY['urgent', 'high', 'medium', 'low'])[1 + i % 4], 'sent', 'delivered', 'conv_' || 1 + i % @users, at - interval '1 hour', at, at, id
  FROM (
    SELECT i, ('00000000-0000-7000-8001-' || lpad(to_hex(i), 12, '0'))::uuid AS id,
      @noon - interval '2 days' - (@finished - i) * interval '1 second' AS at
    FROM generate_series(1::bigint, @finished) AS i
  ) AS numbered
  RETURNING id, user_id, conversation_context_id, message_data ->> 'content' AS content, sent_at
), stored AS (
  INSERT INTO messages (id, conversation_id, user_id, role, content, direction, status, created_at, sent_at)
  SELECT id, conversation_context_id, user_id, 'concierge', content, 'outbound', 'sent', sent_at, sent_at
  FROM finished
)
INSERT INTO agent_actions_log (id, agent_type, action_type, user_id, context_id, context_type, output_data, created_at)
SELECT id, 'message_orchestrator', 'message_delivered', user_id, id, 'message_queue', '{"code": "delivered"}', sent_at
FROM finished
