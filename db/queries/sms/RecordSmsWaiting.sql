-- The message was not taken and waits for its next try; it keeps its user's turn, so that nothing overtakes it, but is looked at when it
-- expires.
WITH waiting AS (
  UPDATE messages m
  SET status = 'pending', sms_error = @code, sms_error_at = @now, sms_tries = m.sms_tries - @uncounted
  WHERE m.id = @messageId AND m.status IN ('sending', 'pending') AND m.sms_attempts = @attempt
  RETURNING m.id, m.user_id
), kept AS (
  UPDATE sms_turns t
  SET requested_at = NULL, due_at = least(@until, (SELECT plain_time(q.expires_at) FROM message_queue q WHERE q.id = waiting.id))
  FROM waiting WHERE t.user_id = waiting.user_id AND t.message_id = waiting.id
), unfound AS (
  UPDATE sms_requests r SET not_taken_at = @now
  FROM waiting WHERE @code = 'not_taken' AND r.message_id = waiting.id AND r.attempt = @attempt AND r.not_taken_at IS NULL
)
INSERT INTO agent_actions_log (agent_type, action_type, user_id, context_id, context_type, output_data, created_at)
SELECT 'message_orchestrator', 'sms_deferred', (SELECT u.id FROM users u WHERE u.id = waiting.user_id), waiting.id, 'messages',
  jsonb_build_object('code', @code, 'reason', @reason, 'until', @until, 'attempt', @attempt), @now
FROM waiting
WHERE @isNews
