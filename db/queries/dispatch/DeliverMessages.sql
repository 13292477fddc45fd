-- Hands messages over: the pending row, the queue row sent, the budget counted and the trail written, all or nothing. The
-- pending row takes the id of the queue row, so that the primary key of messages itself refuses a second delivery. Decisions
-- that have become old before they arrive here deliver nothing: the time they were made for has passed. The messages of a sequence
-- have their place in it, others 0: they are a microsecond apart, so that created_at tells their order, and count once.
-- The rows are found by id: a status compared as it is would invite a walk through all that waits.
WITH sent AS (
  UPDATE message_queue q
  SET status = 'sent', sent_at = @now, finished_at = @now, delivered_message_id = q.id, reason = 'delivered'
  FROM unnest(@ids::uuid[], @conversationIds::text[], @dates::date[], @places::integer[]) AS d (id, conversation_id, date, place)
  WHERE q.id = d.id AND q.status || '' = 'queued' AND clock_timestamp() < @readAt + interval '5 seconds'
  RETURNING q.id, q.user_id, q.agent_id, text_to_send(q.final_message, q.message_data) AS content, d.conversation_id, d.date, d.place
), stored AS (
  INSERT INTO messages (id, conversation_id, user_id, role, content, direction, status, created_at)
  -- The agent's kind: an adopted queue may name no agent, and an adopted column holds 50 characters.
  SELECT id, conversation_id::external_id, user_id, left(coalesce(nullif(split_part(agent_id, '_', 1), ''), 'system'), 50), content,
    'outbound', 'pending', @now + place * interval '1 microsecond'
  FROM sent
), counted AS (
  -- Limits are the user's own: a new day starts with those of the newest day before it.
  INSERT INTO user_message_budget AS b
    (user_id, date, messages_sent, last_message_at, recent_deliveries, daily_limit, hourly_limit, quiet_hours_enabled)
  SELECT sent.user_id, sent.date, 1, @now, ARRAY[@now], newest.daily_limit, newest.hourly_limit, coalesce(newest.quiet_hours_enabled, true)
  FROM sent
  LEFT JOIN LATERAL (
    SELECT p.daily_limit, p.hourly_limit, p.quiet_hours_enabled FROM user_message_budget p
    WHERE p.user_id = sent.user_id ORDER BY p.date DESC LIMIT 1
  ) AS newest ON true
  WHERE sent.place = 0
  ON CONFLICT (user_id, date) DO UPDATE
  SET messages_sent = coalesce(b.messages_sent, 0) + 1, last_message_at = @now,
    recent_deliveries = ARRAY(SELECT t FROM unnest(b.recent_deliveries) AS t WHERE t > @now - interval '1 hour') || @now
)
-- A delivery's entry in the trail takes the message's id too: it comes once, and ids that ascend keep the index's pages warm.
INSERT INTO agent_actions_log (id, agent_type, action_type, user_id, context_id, context_type, output_data, created_at)
SELECT id, 'message_orchestrator', 'message_delivered', user_id, id, 'message_queue', '{"code": "delivered"}', @now
FROM sent
