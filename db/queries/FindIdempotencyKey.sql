-- What is known of a key: the request it stood for, its answer once there is one, and what has become of its message. The status
-- is null where the message is gone, or not yet to be seen.
SELECT k.request_hash, k.message_id, k.running_until, k.answer, q.status, q.scheduled_for, q.reason, q.finished_at
FROM idempotency_keys k
LEFT JOIN message_queue q ON q.id = k.message_id
WHERE k.key = @key
