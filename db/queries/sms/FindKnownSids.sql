-- Which of the provider's ids belong to messages that are accounted for.
SELECT m.twilio_message_sid FROM messages m WHERE m.twilio_message_sid = ANY (@sids)
