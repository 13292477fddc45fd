-- Who writes from a number, which may have been written down without its plus: first the users whose own it is, then those with a conversation of that number which
-- is active, or has something on its way; of several, whoever
-- was last written to.
WITH person AS (
  SELECT u.id, 1 AS rank FROM users u WHERE dialled(u.phone_number) IN (@number, ltrim(@number, '+'))
  UNION ALL
  SELECT c.user_id, 2 FROM conversations c WHERE dialled(c.phone_number) IN (@number, ltrim(@number, '+')) AND (c.status = 'active' OR EXISTS (
    SELECT FROM messages m WHERE m.conversation_id = c.id AND m.direction = 'outbound' AND m.status IN ('pending', 'sending')))
), nearest AS (
  SELECT person.id, min(person.rank) AS rank FROM person GROUP BY person.id
)
SELECT u.id::text AS user_id
FROM nearest
JOIN users u ON u.id = nearest.id
LEFT JOIN sms_turns t ON t.user_id = u.id
ORDER BY nearest.rank, t.last_sent_at DESC NULLS LAST, u.created_at DESC, u.id
LIMIT 1000
