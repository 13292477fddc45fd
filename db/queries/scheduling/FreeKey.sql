-- Frees a key whose message somebody has deleted. A key that can be seen here was committed together with its message.
DELETE FROM idempotency_keys k
WHERE k.key = @key AND NOT EXISTS (SELECT FROM message_queue q WHERE q.id = k.message_id)
