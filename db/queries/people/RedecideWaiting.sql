-- What a rule holds back from a user is due at once, so that the rules as they now are decide it anew, under the user's lock: they hold back
-- what must still wait, and not_before stays what it is. Left alone: what no rule has held yet (its time is its caller's wish), what a model
-- has in hand (it is decided anew when that is done, or fails), and what waits for missing messages. An SMS that waits for the morning is
-- looked at again too, but for one that a sender is at: waiting for its turn, which the sender gives up after naming the user, could be for ever.
WITH held AS MATERIALIZED (
  SELECT t.user_id
  FROM sms_turns t
  JOIN messages m ON m.id = t.message_id
  WHERE t.user_id = @userId::external_id AND t.requested_at IS NULL AND t.due_at > @now AND m.sms_error = 'quiet_hours'
  FOR NO KEY UPDATE OF t SKIP LOCKED
), awake AS (
  UPDATE sms_turns t SET due_at = @now FROM held WHERE t.user_id = held.user_id
), redecided AS (
  UPDATE message_queue q
  SET scheduled_for = @now
  WHERE q.user_id = @userId::external_id AND q.status = 'queued' AND q.scheduled_for > @now AND q.render_claim IS NULL
    AND q.reason IS NOT NULL AND q.reason NOT IN ('rendering', 'model_unavailable', 'sequence_unfinished')
  RETURNING q.id, q.user_id
)
INSERT INTO agent_actions_log (agent_type, action_type, user_id, context_id, context_type, output_data, created_at)
SELECT 'message_orchestrator', 'message_redecided', user_id, id, 'message_queue',
  jsonb_strip_nulls(jsonb_build_object('code', 'user_changed', 'reason', 'What the rules know of the user has changed.', 'key', @key::text)), @now
FROM redecided
