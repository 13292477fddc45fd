-- Moves messages to the next instant at which they may go, with the reason. The time a message was first scheduled for is kept: it
-- says whose turn it is among messages of one lane. What a model says late of one that was put aside before counts for nothing,
-- and after anything longer than a cooldown it has all its tries again.
-- Entries in the trail get ids that ascend, which keep the index's pages warm.
-- The rows are found by id: a status compared as it is would invite a walk through all that waits.
WITH deferred AS (
  UPDATE message_queue q
  SET scheduled_for = d.until, reason = d.code, render_claim = NULL, render_until = NULL,
    render_attempts = CASE WHEN d.code = 'cooldown' THEN q.render_attempts ELSE 0 END,
    not_before = coalesce(q.not_before, CASE WHEN q.reason IS NULL THEN q.scheduled_for END)
  FROM unnest(@ids::uuid[], @untils::timestamptz[], @codes::text[], @sentences::text[], @logIds::uuid[]) AS d (id, until, code, sentence, log_id)
  WHERE q.id = d.id AND q.status || '' = 'queued'
  RETURNING q.id, q.user_id, d.until, d.code, d.sentence, d.log_id
)
INSERT INTO agent_actions_log (id, agent_type, action_type, user_id, context_id, context_type, output_data, created_at)
SELECT log_id, 'message_orchestrator', 'message_deferred', user_id, id, 'message_queue',
  jsonb_build_object('code', code, 'reason', sentence, 'until', until), @now
FROM deferred
