-- Of one person's messages of one topic at most one waits, and each that was superseded names a newer one of its topic.
SELECT format('%s messages of topic %s wait for %s', count(*), topic, user_id)
FROM message_queue
WHERE status = 'queued' AND topic IS NOT NULL
GROUP BY user_id, topic HAVING count(*) > 1
UNION ALL
SELECT format('%s was superseded by %s', q.id, q.superseded_by_message_id)
FROM message_queue q LEFT JOIN message_queue n ON n.id = q.superseded_by_message_id
WHERE q.status = 'superseded' AND q.reason = 'newer_topic'
  AND (n.id IS NULL OR n.user_id <> q.user_id OR n.topic IS DISTINCT FROM q.topic OR n.created_at < q.created_at)
