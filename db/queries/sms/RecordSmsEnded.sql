-- The message never reaches its phone: failed or expired, with the reason. The next one of the user may go.
WITH ended AS (
  UPDATE messages m
  SET status = @status, sms_error = @code, sms_error_at = @now
  WHERE m.id = @messageId AND m.status IN ('sending', 'pending') AND m.sms_attempts = @attempt
  RETURNING m.id, m.user_id
), freed AS (
  UPDATE sms_turns t
  SET message_id = NULL, claim = NULL, requested_at = NULL, due_at = NULL
  FROM ended WHERE t.user_id = ended.user_id AND t.message_id = ended.id
)
INSERT INTO agent_actions_log (agent_type, action_type, user_id, context_id, context_type, output_data, error, created_at)
SELECT 'message_orchestrator', 'sms_' || @status, (SELECT u.id FROM users u WHERE u.id = ended.user_id), ended.id, 'messages',
  jsonb_build_object('code', @code, 'reason', @reason, 'attempt', @attempt), @reason, @now
FROM ended
