-- What was answered with 200 is stored, under the id in the answer and for the person it was meant for.
SELECT format('%s was answered with %s, which %s', a.reference, a.id,
  CASE WHEN q.id IS NULL THEN 'is not stored' ELSE format('is %s for %s', q.message_data ->> 'reference', q.user_id) END)
FROM answered a
JOIN ordered o ON o.reference = a.reference
LEFT JOIN message_queue q ON q.id = a.id
WHERE q.id IS NULL OR q.user_id <> o.user_id OR q.message_data ->> 'reference' IS DISTINCT FROM a.reference
