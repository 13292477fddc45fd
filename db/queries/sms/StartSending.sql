-- The point of no return: the last thing before the request's first byte. No row comes back, and nothing may be sent, where the message
-- was cancelled, its user has opted out, or somebody else has taken the turn over. From here on the outcome is unknown until recorded.
WITH sending AS (
  UPDATE messages m
  SET status = 'sending', sms_attempts = m.sms_attempts + 1, sms_tried_at = @now, twilio_message_sid = NULL
  FROM sms_turns t, users u
  WHERE m.id = @messageId AND m.status = 'pending' AND t.user_id = m.user_id AND t.message_id = m.id AND t.claim = @claim
    AND t.requested_at IS NULL AND t.due_at > @now AND u.id = m.user_id AND NOT coalesce(u.opted_out, false)
  RETURNING m.user_id
)
UPDATE sms_turns t SET requested_at = @now, due_at = @dueAt
FROM sending WHERE t.user_id = sending.user_id
RETURNING true
