-- What is known of a key: the request it stood for, its answer, and when its message left the queue.
SELECT k.request_hash, k.running_until, k.answer, q.id IS NULL AS message_is_gone, q.finished_at
FROM idempotency_keys k
LEFT JOIN message_queue q ON q.id = k.message_id
WHERE k.key = @key
