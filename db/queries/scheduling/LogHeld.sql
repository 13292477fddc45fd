-- Enters into the trail what holds messages back from the first, in the round trip and the transaction that stores them. The entries' ids
-- ascend, as those of the messages do.
INSERT INTO agent_actions_log (id, agent_type, action_type, user_id, context_id, context_type, output_data, created_at)
SELECT held.log_id, 'message_orchestrator', 'message_deferred', queued.user_id, queued.id, 'message_queue',
  jsonb_build_object('code', queued.reason, 'reason', held.sentence, 'until', queued.scheduled_for), @now
FROM unnest(@heldIds::uuid[], @logIds::uuid[], @sentences::text[]) AS held (id, log_id, sentence)
CROSS JOIN LATERAL (SELECT q.id, q.user_id, q.reason, q.scheduled_for FROM message_queue q WHERE q.id = held.id LIMIT 1) AS queued
