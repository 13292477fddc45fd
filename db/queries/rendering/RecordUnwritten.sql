-- The model has failed for good, and there is no text: the message fails.
WITH failed AS (
  UPDATE message_queue q
  SET status = 'failed', reason = 'not_rendered', finished_at = @now, render_claim = NULL
  WHERE q.id = @id AND q.status = 'queued' AND q.render_claim = @claim
  RETURNING q.id, q.user_id
)
INSERT INTO agent_actions_log (agent_type, action_type, user_id, context_id, context_type, output_data, error, created_at)
SELECT 'message_orchestrator', 'message_failed', user_id, id, 'message_queue',
  jsonb_build_object('code', 'not_rendered', 'reason', @reason), @reason, @now
FROM failed
