-- What is known of keys: the request each stood for, its answer, and when its message left the queue.
SELECT found.*
FROM unnest(@keys::text[]) AS wanted (key)
CROSS JOIN LATERAL (
  SELECT k.key, k.request_hash, k.running_until, k.answer, q.id IS NULL AS message_is_gone, q.finished_at
  FROM idempotency_keys k
  LEFT JOIN message_queue q ON q.id = k.message_id
  WHERE k.key = wanted.key
  LIMIT 1
) AS found
