-- Enters into the trail by whose key messages were queued, in the round trip and the transaction that stores them. A key without a name
-- leaves no such row: it would say nothing that the message does not say itself.
INSERT INTO agent_actions_log (agent_type, action_type, user_id, context_id, context_type, output_data, created_at)
SELECT 'message_orchestrator', 'message_queued', queued.user_id, queued.id, 'message_queue', jsonb_build_object('code', 'queued', 'key', by.name), @now
FROM unnest(@ids::uuid[], @scheduledBys::text[]) AS by (id, name)
CROSS JOIN LATERAL (SELECT q.id, q.user_id FROM message_queue q WHERE q.id = by.id LIMIT 1) AS queued
WHERE by.name IS NOT NULL
