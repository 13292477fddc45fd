-- The message that the provider reports of, locked: by the id in the report's address, else by the provider's own. The provider's id of
-- the request that the address names is kept, whether or not the report is news.
WITH noted AS (
  UPDATE sms_requests r SET sid = @sid
  WHERE r.message_id = @messageId::uuid AND r.attempt = @attempt::int AND r.sid IS NULL
)
SELECT m.id, m.user_id::text, coalesce(m.status, '') AS status, m.twilio_message_sid AS sid, m.sms_attempts AS attempts, m.sms_tries AS tries,
  m.sms_error AS error, plain_time(m.sms_error_at) AS error_at, g.stops, g.resumed_at
FROM messages m
CROSS JOIN sms_gate g
WHERE m.direction = 'outbound' AND (m.id = @messageId::uuid OR @messageId::uuid IS NULL AND m.twilio_message_sid = @sid)
FOR NO KEY UPDATE OF m
