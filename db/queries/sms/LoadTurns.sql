-- The claimed messages, with what it takes to send them, or to ask about the last request for them. The number is the conversation's,
-- else the user's.
SELECT t.user_id::text, t.message_id, t.requested_at, t.due_at AS lease_end, coalesce(m.status, '') AS status, coalesce(m.content, '') AS content,
  coalesce(m.sms_attempts, 0) AS attempts, coalesce(m.sms_tries, 0) AS tries, m.sms_error AS error, plain_time(m.sms_error_at) AS error_at,
  coalesce(nullif(dialled(c.phone_number), ''), nullif(dialled(u.phone_number), '')) AS phone_number,
  q.priority, plain_time(q.expires_at) AS expires_at, g.stopped_at IS NOT NULL AS sending_is_stopped, g.stops, g.resumed_at,
  r.account AS requested_account, r.sender AS requested_sender, r.recipient AS requested_recipient, CASE WHEN r.sid IS NULL AND r.not_taken_at IS NOT NULL THEN r.requested_at END AS unfound_since, r.not_taken_at
FROM unnest(@userIds::text[]) AS wanted (id)
CROSS JOIN sms_gate g
JOIN sms_turns t ON t.user_id = wanted.id::external_id AND t.claim = @claim
LEFT JOIN messages m ON m.id = t.message_id
LEFT JOIN conversations c ON c.id = m.conversation_id
LEFT JOIN users u ON u.id = t.user_id
LEFT JOIN message_queue q ON q.id = t.message_id
LEFT JOIN sms_requests r ON r.message_id = m.id AND r.attempt = m.sms_attempts
