-- Who writes from a number, whoever was last written to first: the user with that number, or with a conversation of that number.
SELECT u.id::text AS user_id
FROM users u
LEFT JOIN sms_turns t ON t.user_id = u.id
WHERE u.phone_number = @number OR u.id IN (SELECT c.user_id FROM conversations c WHERE c.phone_number = @number)
ORDER BY t.last_sent_at DESC NULLS LAST, u.created_at DESC, u.id
LIMIT 100
