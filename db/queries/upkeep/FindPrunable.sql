-- The next finished messages by age, locked, and whether each may go. It stays while its SMS is still to be sent by this service (only of
-- requests that are remembered it is known whether they were taken), while a message that stays names it as the one that replaced it, and where
-- another program has queued it again. What somebody holds is left for the next time.
SELECT q.id, q.finished_at,
  q.status <> 'queued'
    AND NOT EXISTS (SELECT FROM sms_turns t WHERE t.user_id = q.user_id AND t.message_id = q.id)
    AND NOT (@sends AND EXISTS (SELECT FROM messages m WHERE m.id = q.id AND m.direction = 'outbound' AND m.status IN ('pending', 'sending')))
    AND NOT EXISTS (
      SELECT FROM message_queue o WHERE o.superseded_by_message_id = q.id AND (o.finished_at IS NULL OR o.finished_at >= @before OR o.status = 'queued')) AS may_go
FROM message_queue q
WHERE q.finished_at < @before AND (q.finished_at, q.id) > (@afterTime, @afterId::uuid)
ORDER BY q.finished_at, q.id
LIMIT @limit
FOR UPDATE OF q SKIP LOCKED
