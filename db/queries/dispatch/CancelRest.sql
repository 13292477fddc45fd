-- Calls off what waits of the sequences of messages that have ended without being delivered: who ends one runs this in the same
-- transaction, under the user's lock. Where nobody does, the next dispatch that comes to the sequence calls it off.
WITH broken AS (
  SELECT DISTINCT q.user_id, q.sequence_id FROM message_queue q
  WHERE q.id = ANY (@ids) AND q.sequence_id IS NOT NULL AND q.status NOT IN ('queued', 'sent')
), cancelled AS (
  UPDATE message_queue q
  SET status = 'cancelled', finished_at = @now, reason = @code
  FROM broken
  WHERE q.sequence_id = broken.sequence_id AND q.user_id = broken.user_id AND q.status = 'queued'
  RETURNING q.id, q.user_id
), logged AS (
  INSERT INTO agent_actions_log (agent_type, action_type, user_id, context_id, context_type, output_data, created_at)
  SELECT 'message_orchestrator', 'message_cancelled', user_id, id, 'message_queue',
    jsonb_build_object('code', @code::text, 'reason', @sentence::text), @now
  FROM cancelled
)
SELECT id FROM cancelled
