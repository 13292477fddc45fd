-- How many messages wait for a user, by lane.
SELECT q.priority AS lane, count(*)::int AS messages
FROM message_queue q
WHERE q.user_id = @userId::external_id AND q.status = 'queued'
GROUP BY q.priority
