-- Whoever writes is awake: what waits for the end of their quiet hours is decided again. After everything else in its transaction, because
-- turns are locked after messages.
UPDATE sms_turns t SET due_at = @now
FROM messages m
WHERE t.user_id = @userId::external_id AND t.requested_at IS NULL AND m.id = t.message_id AND m.status = 'pending' AND m.sms_error = 'quiet_hours'
