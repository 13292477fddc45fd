-- Claims messages of which a request went out and no answer was recorded: a time-out, a broken connection, a sender that was killed.
-- Whoever has them asks the provider whether it took them, before anything is sent again.
WITH due AS (
  SELECT t.user_id FROM sms_turns t
  WHERE t.message_id IS NOT NULL AND t.requested_at IS NOT NULL AND t.due_at <= @now
  ORDER BY t.due_at
  LIMIT @most
  FOR UPDATE SKIP LOCKED
)
UPDATE sms_turns t SET claim = @claim, due_at = @leaseEnd
FROM due WHERE t.user_id = due.user_id
RETURNING t.user_id::text
