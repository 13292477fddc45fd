-- A step of the trails of messages that the model, or its failing, brought about.
INSERT INTO agent_actions_log (agent_type, action_type, user_id, context_id, context_type, output_data, error, created_at)
SELECT 'message_orchestrator', @action, q.user_id, q.id, 'message_queue',
  jsonb_strip_nulls(jsonb_build_object(
    'code', @code::text, 'reason', @reason::text, 'until', @until::timestamptz, 'reformulation_requested', @reformulationRequested::boolean)),
  @error::text, @now
FROM message_queue q
WHERE q.id = ANY (@ids)
