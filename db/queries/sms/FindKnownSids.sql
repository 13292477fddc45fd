-- Which of the provider's ids belong to requests or messages that are accounted for.
SELECT r.sid FROM sms_requests r WHERE r.sid = ANY (@sids)
UNION
SELECT m.twilio_message_sid FROM messages m WHERE m.twilio_message_sid = ANY (@sids)
