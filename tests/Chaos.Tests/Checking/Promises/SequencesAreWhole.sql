-- A sequence is handed over all at once and in order, or not at all; and its SMS are taken in that order.
WITH sequences AS (
  SELECT q.user_id, q.sequence_id, count(*) AS there, max(q.sequence_total) AS total, count(h.id) AS handed,
    array_agg(q.sequence_position ORDER BY h.created_at, h.id) FILTER (WHERE h.id IS NOT NULL) AS places,
    max(h.created_at) - min(h.created_at) AS span
  FROM message_queue q LEFT JOIN handed_over h ON h.id = q.id
  WHERE q.sequence_id IS NOT NULL
  GROUP BY q.user_id, q.sequence_id
), sms AS (
  SELECT q.sequence_id, q.sequence_position AS place, min(t.seconds) AS seconds
  FROM taken t JOIN message_queue q ON q.id = t.message_id
  WHERE q.sequence_id IS NOT NULL
  GROUP BY q.sequence_id, q.sequence_position
)
SELECT format('Of sequence %s %s of %s messages were handed over', sequence_id, handed, total) FROM sequences WHERE handed NOT IN (0, total)
UNION ALL
SELECT format('Sequence %s has %s of %s messages', sequence_id, there, total) FROM sequences WHERE there > total
UNION ALL
SELECT format('Sequence %s was handed over in the order %s, over %s', sequence_id, places, span)
FROM sequences
WHERE handed > 0 AND (places <> ARRAY(SELECT unnest(places) ORDER BY 1) OR span > interval '1 millisecond')
UNION ALL
SELECT format('Of sequence %s the SMS %s was taken after %s', a.sequence_id, a.place, b.place)
FROM sms a JOIN sms b USING (sequence_id)
WHERE a.place < b.place AND a.seconds > b.seconds
