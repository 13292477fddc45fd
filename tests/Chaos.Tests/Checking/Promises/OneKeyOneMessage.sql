-- A key never stands for two messages, neither in answers nor in the database; and nothing is there that nobody asked for.
SELECT format('%s was answered with %s ids', reference, count(DISTINCT id)) FROM answered GROUP BY reference HAVING count(DISTINCT id) > 1
UNION ALL
SELECT format('%s is stored %s times', o.reference, count(*))
FROM message_queue q JOIN ordered o ON o.reference = q.message_data ->> 'reference'
WHERE o.key IS NOT NULL
GROUP BY o.reference HAVING count(*) > 1
UNION ALL
SELECT format('%s is in the queue, and nobody asked for it', q.id)
FROM message_queue q LEFT JOIN ordered o ON o.reference = q.message_data ->> 'reference'
WHERE o.reference IS NULL
