-- Calls off everything that waits for users who have opted out: what is queued, and what was handed over and no request has gone out
-- for. Their turns are looked at at once, so that they become free.
WITH called_off AS (
  UPDATE messages m SET status = 'cancelled', sms_error = 'opted_out', sms_error_at = @now
  WHERE m.direction = 'outbound' AND m.status = 'pending' AND m.user_id = ANY (@userIds::text[]::external_id[])
  RETURNING m.id, m.user_id
), withdrawn AS (
  UPDATE message_queue q SET status = 'cancelled', reason = 'opted_out', finished_at = @now
  WHERE q.status = 'queued' AND q.user_id = ANY (@userIds::text[]::external_id[])
  RETURNING q.id, q.user_id
), recalled AS (
  UPDATE message_queue q SET status = 'cancelled', reason = 'opted_out', finished_at = @now
  FROM called_off WHERE q.id = called_off.id AND q.status = 'sent'
), freed AS (
  UPDATE sms_turns t SET due_at = @now
  FROM called_off WHERE t.user_id = called_off.user_id AND t.message_id = called_off.id AND t.requested_at IS NULL
), ended AS (
  SELECT id, user_id FROM withdrawn UNION SELECT id, user_id FROM called_off
), logged AS (
  INSERT INTO agent_actions_log (agent_type, action_type, user_id, context_id, context_type, output_data, created_at)
  SELECT 'message_orchestrator', 'message_cancelled', ended.user_id, ended.id, 'message_queue',
    jsonb_strip_nulls(jsonb_build_object('code', 'opted_out', 'reason', 'The user has opted out.', 'key', @key::text)), @now
  FROM ended
)
SELECT count(*)::int FROM ended
