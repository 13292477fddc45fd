-- What the provider reports of a message that it has taken: on its way, on the phone, or never to be. It frees the turn of a message
-- whose request had no answer yet, and opens the gate if that was waiting for a message to get through.
WITH reported AS (
  UPDATE messages m
  SET status = @status, twilio_message_sid = @sid, sms_error = CASE WHEN @status = 'delivered' THEN NULL ELSE coalesce(@code::text, m.sms_error) END,
    sms_error_at = CASE WHEN @code::text IS NULL THEN m.sms_error_at ELSE @now END, sent_at = coalesce(m.sent_at, @now),
    delivered_at = CASE WHEN @status = 'delivered' THEN @now ELSE m.delivered_at END
  WHERE m.id = @messageId
  RETURNING m.id, m.user_id, m.sms_tried_at
), freed AS (
  UPDATE sms_turns t
  SET message_id = NULL, claim = NULL, requested_at = NULL, due_at = NULL, last_sent_at = @now, last_sent_id = @messageId
  FROM reported WHERE t.user_id = reported.user_id AND t.message_id = reported.id
), opened AS (
  UPDATE sms_gate g
  SET stopped_at = NULL, stopped_until = NULL, stopped_by = NULL, stops = 0, opens_on_delivery = false, taken_at = NULL, resumed_at = @now,
    unanswered = 0
  FROM reported WHERE @status = 'delivered' AND g.opens_on_delivery AND g.stopped_at <= reported.sms_tried_at
)
INSERT INTO agent_actions_log (agent_type, action_type, user_id, context_id, context_type, output_data, created_at)
SELECT 'message_orchestrator', 'sms_' || @status, (SELECT u.id FROM users u WHERE u.id = reported.user_id), reported.id, 'messages',
  jsonb_strip_nulls(jsonb_build_object('code', coalesce(@code::text, @status), 'reason', @reason::text, 'sid', @sid)), @now
FROM reported
