-- Ends what waits of a user's topic, because a newer message has been stored: in its transaction, under the user's lock, which makes
-- requests of one topic come one after another. Of a sequence nothing is left over: it goes whole. The new message's own sequence stays.
WITH older AS (
  SELECT q.id, q.sequence_id FROM message_queue q
  WHERE q.user_id = @userId::external_id AND q.topic = @topic AND q.status = 'queued'
    AND q.id <> @by AND (q.sequence_id IS NULL OR q.sequence_id IS DISTINCT FROM @sequenceId::uuid)
), replaced AS (
  SELECT older.id FROM older
  UNION
  SELECT q.id FROM message_queue q JOIN older ON q.sequence_id = older.sequence_id
  WHERE q.user_id = @userId::external_id AND q.status || '' = 'queued'
), superseded AS (
  UPDATE message_queue q
  SET status = 'superseded', superseded_by_message_id = @by, superseded_reason = @code, reason = @code, finished_at = @now
  FROM replaced
  WHERE q.id = replaced.id AND q.status || '' = 'queued'
  RETURNING q.id, q.user_id
), logged AS (
  INSERT INTO agent_actions_log (agent_type, action_type, user_id, context_id, context_type, output_data, created_at)
  SELECT 'message_orchestrator', 'message_superseded', user_id, id, 'message_queue',
    jsonb_build_object('code', @code::text, 'reason', @sentence::text, 'by', @by::uuid), @now
  FROM superseded
)
SELECT id FROM superseded
