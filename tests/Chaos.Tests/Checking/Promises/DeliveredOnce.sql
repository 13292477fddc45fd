-- A row of the queue that is sent has one row in messages and one entry of its delivery in the trail, and what is not sent has none.
SELECT format('%s is in messages, and the queue knows nothing of its delivery', m.id)
FROM messages m LEFT JOIN message_queue q ON q.delivered_message_id = m.id
WHERE m.direction = 'outbound' AND (q.id IS NULL OR q.id <> m.id)
UNION ALL
SELECT format('%s is sent, and is not in messages', q.id)
FROM message_queue q LEFT JOIN messages m ON m.id = q.delivered_message_id AND m.direction = 'outbound'
WHERE q.status = 'sent' AND m.id IS NULL
UNION ALL
SELECT format('%s was handed over, and is %s in the queue and %s in messages', q.id, q.status, m.status)
FROM message_queue q JOIN messages m ON m.id = q.id
WHERE q.status <> 'sent' AND NOT (q.status = 'cancelled' AND m.status = 'cancelled')
UNION ALL
SELECT format('%s was handed over %s times', h.reference, count(*))
FROM handed_over h JOIN ordered o ON o.reference = h.reference
WHERE o.key IS NOT NULL
GROUP BY h.reference HAVING count(*) > 1
UNION ALL
SELECT format('%s has %s deliveries in its trail and %s rows in messages', id, entries, handed)
FROM (
  SELECT q.id, (SELECT count(*) FROM messages m WHERE m.id = q.id) AS handed,
    (SELECT count(*) FROM agent_actions_log l
     WHERE l.agent_type = 'message_orchestrator' AND l.context_id = q.id AND l.action_type = 'message_delivered') AS entries
  FROM message_queue q) AS counts
WHERE entries <> handed
