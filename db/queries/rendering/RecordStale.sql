-- A message that LockRenders holds makes no sense any more: it is superseded by what was said, and its agent is asked to put it in other
-- words. True where there was somewhere to ask.
UPDATE message_queue q
SET status = 'superseded', superseded_reason = 'stale', reason = 'stale', finished_at = @now, render_claim = NULL
WHERE q.id = @id
RETURNING request_reformulation(q.id, q.user_id::text, q.agent_id, @reason, @now)
