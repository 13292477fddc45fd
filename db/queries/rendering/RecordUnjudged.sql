-- The model has failed for good: the message goes out as it is, and the trail says that nobody knows whether it still makes sense.
WITH unjudged AS (
  UPDATE message_queue q
  SET judged_at = @judgedAt, render_attempts = q.render_attempts + 1, render_claim = NULL, scheduled_for = @now
  WHERE q.id = @id AND q.status = 'queued' AND q.render_claim = @claim
  RETURNING q.id, q.user_id
)
INSERT INTO agent_actions_log (agent_type, action_type, user_id, context_id, context_type, output_data, created_at)
SELECT 'message_orchestrator', 'message_judged', user_id, id, 'message_queue',
  jsonb_build_object('code', 'relevance_unknown', 'reason', @reason), @now
FROM unjudged
