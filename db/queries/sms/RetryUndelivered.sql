-- A message that the provider had taken failed on its way, and may succeed later: it is pending again, not to be tried before then. Where
-- everyone's would fail it keeps or takes back its user's turn, so that nothing overtakes it; else the user's next ones may go.
WITH again AS (
  UPDATE messages m
  SET status = 'pending', twilio_message_sid = @sid, sms_error = @code, sms_error_at = @now, sms_not_before = @until, sms_tries = m.sms_tries - @uncounted
  WHERE m.id = @messageId
  RETURNING m.id, m.user_id
), freed AS (
  UPDATE sms_turns t
  SET message_id = CASE WHEN @keepsTurn THEN again.id END, due_at = CASE WHEN @keepsTurn THEN @until::timestamptz END, claim = NULL, requested_at = NULL,
    last_sent_at = @now, last_sent_id = @messageId
  FROM again WHERE t.user_id = again.user_id AND (t.message_id = again.id OR @keepsTurn AND t.message_id IS NULL)
)
INSERT INTO agent_actions_log (agent_type, action_type, user_id, context_id, context_type, output_data, created_at)
SELECT 'message_orchestrator', 'sms_deferred', (SELECT u.id FROM users u WHERE u.id = again.user_id), again.id, 'messages',
  jsonb_build_object('code', @code, 'reason', @reason, 'until', @until, 'sid', @sid), @now
FROM again
