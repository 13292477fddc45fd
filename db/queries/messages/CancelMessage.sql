-- Calls a message off while it waits, or was handed over and no request has gone out for it. Whoever takes a pending row to send it locks
-- the row first (StartSending; another program likewise), so it is either cancelled here or sent there. Its turn is looked at at once, so
-- that it becomes free.
WITH called_off AS (
  UPDATE messages m SET status = 'cancelled', sms_error = @code, sms_error_at = @now
  FROM message_queue q
  WHERE q.id = @id AND q.status = 'sent' AND m.id = q.delivered_message_id AND m.direction = 'outbound' AND m.status = 'pending'
  RETURNING m.id, m.user_id
), cancelled AS (
  UPDATE message_queue q SET status = 'cancelled', reason = @code, finished_at = @now, render_claim = NULL
  WHERE q.id = @id AND (q.status = 'queued' OR q.status = 'sent' AND EXISTS (SELECT FROM called_off))
  RETURNING q.id, q.user_id
), freed AS (
  UPDATE sms_turns t SET due_at = @now
  FROM called_off WHERE t.user_id = called_off.user_id AND t.message_id = called_off.id AND t.requested_at IS NULL
), logged AS (
  INSERT INTO agent_actions_log (agent_type, action_type, user_id, context_id, context_type, output_data, created_at)
  SELECT 'message_orchestrator', 'message_cancelled', (SELECT u.id FROM users u WHERE u.id = cancelled.user_id), id, 'message_queue',
    jsonb_strip_nulls(jsonb_build_object('code', @code::text, 'reason', @sentence::text, 'key', @key::text)), @now
  FROM cancelled
)
SELECT id FROM cancelled
