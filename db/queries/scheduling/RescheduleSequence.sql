-- Moves what waits of a sequence to the slot and the lane found for it when another message of it has arrived, under the user's lock.
-- Where no time was asked for, created_at stands in not_before, so that this slot is not taken for such a time later.
WITH moved AS (
  UPDATE message_queue q
  SET priority = @priority, scheduled_for = @scheduledFor, reason = @code, best_at = @bestAt,
    not_before = coalesce(q.not_before, q.created_at)
  WHERE q.sequence_id = @sequenceId AND q.user_id = @userId::external_id AND q.status = 'queued' AND q.id <> @id
    AND (q.priority, q.scheduled_for, q.reason, q.best_at)
      IS DISTINCT FROM (@priority::text, @scheduledFor::timestamptz, @code::text, @bestAt::timestamptz)
  RETURNING q.id, q.user_id
)
INSERT INTO agent_actions_log (agent_type, action_type, user_id, context_id, context_type, output_data, created_at)
SELECT 'message_orchestrator', 'message_deferred', user_id, id, 'message_queue',
  jsonb_build_object('code', @code::text, 'reason', @sentence::text, 'until', @scheduledFor::timestamptz), @now
FROM moved
WHERE @code::text IS NOT NULL
