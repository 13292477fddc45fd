-- What was answered as cancelled is cancelled, and the provider has never had it.
SELECT format('%s was answered as cancelled, and is %s', o.reference, q.status)
FROM ordered o JOIN answered a ON a.reference = o.reference JOIN message_queue q ON q.id = a.id
WHERE o.is_cancelled AND q.status <> 'cancelled'
UNION ALL
SELECT format('%s is cancelled, and was taken as SMS %s', q.id, t.sid)
FROM message_queue q JOIN taken t ON t.message_id = q.id
WHERE q.status = 'cancelled'
