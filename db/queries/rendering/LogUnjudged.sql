-- Messages that must still make sense go out without having been judged, because no model is configured; their trail says so.
INSERT INTO agent_actions_log (agent_type, action_type, user_id, context_id, context_type, output_data, created_at)
SELECT 'message_orchestrator', 'message_judged', q.user_id, q.id, 'message_queue',
  '{"code": "relevance_unknown", "reason": "No model is configured that could tell whether the message still makes sense."}', @now
FROM message_queue q
WHERE q.id = ANY (@ids)
