-- Calls off what was handed over of a cancelled message's sequence and no request has gone out for; CancelRest does so for what still waits.
WITH rest AS (
  SELECT other.id, other.delivered_message_id
  FROM message_queue q
  JOIN message_queue other ON other.sequence_id = q.sequence_id AND other.user_id = q.user_id
  WHERE q.id = @id AND q.status = 'cancelled' AND other.status = 'sent'
), called_off AS (
  UPDATE messages m SET status = 'cancelled', sms_error = @code, sms_error_at = @now
  FROM rest
  WHERE m.id = rest.delivered_message_id AND m.direction = 'outbound' AND m.status = 'pending'
  RETURNING m.id, m.user_id, rest.id AS queue_id
), cancelled AS (
  UPDATE message_queue q SET status = 'cancelled', reason = @code, finished_at = @now
  FROM called_off
  WHERE q.id = called_off.queue_id AND q.status = 'sent'
  RETURNING q.id, q.user_id
), freed AS (
  UPDATE sms_turns t SET due_at = @now
  FROM called_off WHERE t.user_id = called_off.user_id AND t.message_id = called_off.id AND t.requested_at IS NULL
), logged AS (
  INSERT INTO agent_actions_log (agent_type, action_type, user_id, context_id, context_type, output_data, created_at)
  SELECT 'message_orchestrator', 'message_cancelled', (SELECT u.id FROM users u WHERE u.id = cancelled.user_id), id, 'message_queue',
    jsonb_build_object('code', @code::text, 'reason', @sentence::text), @now
  FROM cancelled
)
SELECT id FROM cancelled
