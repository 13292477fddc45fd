-- The point of no return: the last thing before the request's first byte. No row comes back, and nothing may be sent, where the message
-- was cancelled, its user has opted out, or somebody else has taken the turn over. From here on the outcome is unknown until recorded.
-- Both rows are locked, the message first as everywhere, so that all is checked against the newest of them.
WITH message AS MATERIALIZED (
  SELECT m.id, m.user_id, m.sms_attempts + 1 AS attempt FROM messages m
  WHERE m.id = @messageId AND m.status = 'pending'
  FOR NO KEY UPDATE
), turn AS MATERIALIZED (
  SELECT t.user_id, message.attempt
  FROM message
  JOIN sms_turns t ON t.user_id = message.user_id
  JOIN users u ON u.id = t.user_id
  WHERE t.message_id = message.id AND t.claim = @claim AND t.requested_at IS NULL AND t.due_at > @now AND NOT coalesce(u.opted_out, false)
  FOR NO KEY UPDATE OF t
), sending AS (
  UPDATE messages m
  SET status = 'sending', sms_attempts = turn.attempt, sms_tries = m.sms_tries + 1, sms_tried_at = @now, twilio_message_sid = NULL
  FROM turn WHERE m.id = @messageId
), requested AS (
  INSERT INTO sms_requests (message_id, attempt, account, sender, recipient, requested_at)
  SELECT @messageId, turn.attempt, @account, @sender, @recipient, @now FROM turn
  ON CONFLICT (message_id, attempt) DO UPDATE
  SET account = excluded.account, sender = excluded.sender, recipient = excluded.recipient, requested_at = excluded.requested_at, sid = NULL, not_taken_at = NULL
)
UPDATE sms_turns t SET requested_at = @now, due_at = @dueAt
FROM turn WHERE t.user_id = turn.user_id
RETURNING turn.attempt
