-- Which of the messages that must still make sense have something to be judged by: a message never judged, anything that was said since it
-- was queued; one that was, what the user has written since then. What is stored while this runs, after its clock was read, is not yet to come.
-- One that was judged so many times stays as the last verdict left it.
SELECT q.id
FROM message_queue q
CROSS JOIN (SELECT greatest(@now, clock_timestamp()) AS present) AS clock
WHERE q.id = ANY (@ids) AND q.verdicts < @mostVerdicts AND (
  EXISTS (
    SELECT FROM messages m
    WHERE m.user_id = q.user_id AND m.direction = 'inbound' AND m.created_at <= clock.present
      AND m.created_at > coalesce(q.judged_at, news_from(q.created_at, q.not_before, q.scheduled_for)))
  OR q.judged_at IS NULL AND EXISTS (
    SELECT FROM messages m
    WHERE m.conversation_id = coalesce(q.conversation_context_id, (
        SELECT c.id FROM conversations c WHERE c.user_id = q.user_id AND c.status = 'active' ORDER BY c.created_at DESC LIMIT 1))
      AND m.direction = 'outbound' AND m.created_at > news_from(q.created_at, q.not_before, q.scheduled_for) AND m.created_at <= clock.present
      AND m.status IS DISTINCT FROM 'cancelled'))
