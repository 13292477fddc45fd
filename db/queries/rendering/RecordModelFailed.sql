-- The model gave nothing that may be used; it is asked again then.
WITH deferred AS (
  UPDATE message_queue q
  SET scheduled_for = @until, reason = 'model_unavailable', render_attempts = q.render_attempts + 1, render_claim = NULL
  WHERE q.id = ANY (@ids) AND q.status = 'queued' AND q.render_claim = @claim
  RETURNING q.id, q.user_id
)
INSERT INTO agent_actions_log (agent_type, action_type, user_id, context_id, context_type, output_data, created_at)
SELECT 'message_orchestrator', 'message_deferred', user_id, id, 'message_queue',
  jsonb_build_object('code', 'model_unavailable', 'reason', @reason, 'until', @until), @now
FROM deferred
