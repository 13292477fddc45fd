-- Gives up a turn whose message waits no more: cancelled meanwhile, sent by somebody else, or gone.
UPDATE sms_turns t
SET message_id = NULL, claim = NULL, requested_at = NULL, due_at = NULL
WHERE t.user_id = @userId::external_id AND t.message_id = @messageId AND t.claim = @claim AND t.requested_at IS NOT DISTINCT FROM @requestedAt
