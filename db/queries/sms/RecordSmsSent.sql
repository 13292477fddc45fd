-- The provider has taken the message: its id is kept, the turn is free, and the gate opens if a fault had closed it before this try; if the
-- fault shows only later, the waiting for it begins. A report of the provider's may have been quicker; then its state stays.
WITH sent AS (
  UPDATE messages m
  SET status = 'sent', twilio_message_sid = @sid::text, sent_at = @now
  WHERE m.id = @messageId AND m.sms_attempts = @attempt AND (m.status = 'sending' OR m.status = 'pending' AND m.twilio_message_sid IS NULL)
  RETURNING m.id, m.user_id
), known AS (
  UPDATE sms_requests r SET sid = @sid::text
  WHERE r.message_id = @messageId AND r.attempt = @attempt AND r.sid IS NULL
), freed AS (
  UPDATE sms_turns t
  SET message_id = NULL, claim = NULL, requested_at = NULL, due_at = NULL, last_sent_at = @now, last_sent_id = @messageId
  FROM sent WHERE t.user_id = sent.user_id AND t.message_id = sent.id
), answered AS (
  UPDATE sms_gate g SET unanswered = 0 WHERE g.stopped_at IS NULL AND g.unanswered > 0
), opened AS (
  UPDATE sms_gate g
  SET stopped_at = NULL, stopped_until = NULL, stopped_by = NULL, stops = 0, resumed_at = @now, unanswered = 0
  WHERE g.stopped_at <= @requestedAt AND NOT g.opens_on_delivery
), waiting AS (
  UPDATE sms_gate g SET taken_at = @now, unanswered = 0
  WHERE g.stopped_at <= @requestedAt AND g.opens_on_delivery AND g.taken_at IS NULL
)
INSERT INTO agent_actions_log (agent_type, action_type, user_id, context_id, context_type, output_data, created_at)
SELECT 'message_orchestrator', 'sms_sent', (SELECT u.id FROM users u WHERE u.id = sent.user_id), sent.id, 'messages',
  jsonb_strip_nulls(jsonb_build_object('code', 'sent', 'sid', @sid::text, 'attempt', @attempt)), @now
FROM sent
