-- The message makes no sense any more: it is superseded by what was said, and its agent is asked to put it in other words.
WITH stale AS (
  UPDATE message_queue q
  SET status = 'superseded', superseded_reason = 'stale', reason = 'stale', finished_at = @now, render_claim = NULL
  WHERE q.id = @id AND q.status = 'queued' AND q.render_claim = @claim
  RETURNING q.id, q.user_id, q.agent_id
), asked AS MATERIALIZED (
  SELECT request_reformulation(stale.id, stale.user_id::text, stale.agent_id, @reason, @now) AS done FROM stale
)
INSERT INTO agent_actions_log (agent_type, action_type, user_id, context_id, context_type, output_data, created_at)
SELECT 'message_orchestrator', 'message_superseded', stale.user_id, stale.id, 'message_queue',
  jsonb_build_object('code', 'stale', 'reason', @reason, 'reformulation_requested', asked.done), @now
FROM stale, asked
