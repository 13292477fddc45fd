-- Ends messages that are never delivered: expired, failed or called off, with the reason. A user who is gone is not named in the trail,
-- whose rows may refer to users.
-- The rows are found by id: a status compared as it is would invite a walk through all that waits.
WITH finished AS (
  UPDATE message_queue q
  SET status = f.status, finished_at = @now, reason = f.code
  FROM unnest(@ids::uuid[], @statuses::text[], @codes::text[], @sentences::text[]) AS f (id, status, code, sentence)
  WHERE q.id = f.id AND q.status || '' = 'queued'
  RETURNING q.id, q.user_id, f.status, f.code, f.sentence
)
INSERT INTO agent_actions_log (agent_type, action_type, user_id, context_id, context_type, output_data, error, created_at)
SELECT 'message_orchestrator', 'message_' || status, (SELECT u.id FROM users u WHERE u.id = finished.user_id), id, 'message_queue',
  jsonb_build_object('code', code, 'reason', sentence), CASE WHEN status <> 'cancelled' THEN sentence END, @now
FROM finished
