-- Users as they are in daily work: in zones where it is day at the benchmarks' noon, each with an active conversation, half of
-- them with deliveries of the day before, a tenth having written two days ago.
WITH numbered AS (
  SELECT i, 'user_' || i AS id, 'conv_' || i AS conversation_id
  FROM generate_series(1, @users) AS i
), added AS (
  INSERT INTO users (id, phone_number, first_name, timezone)
  SELECT id, '+1555' || lpad(i::text, 7, '0'), 'User ' || i,
    (ARRAY['America/New_York', 'America/Chicago', 'America/Denver', 'America/Los_Angeles'])[1 + i % 4]
  FROM numbered
), conversing AS (
  INSERT INTO conversations (id, user_id, phone_number, status, created_at)
  SELECT conversation_id, id, '+1555' || lpad(i::text, 7, '0'), 'active', @noon - interval '30 days'
  FROM numbered
), served AS (
  INSERT INTO user_message_budget (user_id, date, messages_sent, last_message_at, recent_deliveries)
  SELECT id, (@noon - interval '20 hours')::date, 3, @noon - interval '20 hours', ARRAY[@noon - interval '20 hours']
  FROM numbered
  WHERE i % 2 = 0
)
INSERT INTO messages (conversation_id, user_id, role, content, direction, status, created_at)
SELECT conversation_id, id, 'user', 'Thanks, that works for me', 'inbound', 'received', @noon - interval '2 days'
FROM numbered
WHERE i % 10 = 0
