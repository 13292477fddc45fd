-- Changes a message that still waits, and with it the others of its sequence: lane and times hold for all of them, what it says for itself. The
-- look at the status and the change are one, so nothing is changed that has been handed over. A model that is at any of them loses its
-- claim, and what it says late is recorded nowhere; what it said of words that are changed is forgotten. not_before is
-- never left empty, or the next rule that holds the message back would take the time of this change for one that was asked for.
WITH changed AS (
  UPDATE message_queue q
  SET priority = @priority, scheduled_for = @scheduledFor, best_at = @bestAt::timestamptz, reason = @code::text,
    render_claim = NULL, render_until = NULL, render_attempts = 0,
    not_before = CASE WHEN @setsNotBefore THEN coalesce(@notBefore::timestamptz, q.created_at, @now)
      ELSE coalesce(q.not_before, CASE WHEN q.reason IS NULL THEN q.scheduled_for END, q.created_at, @now) END,
    expires_at = CASE WHEN @setsExpiresAt THEN @expiresAt::timestamptz ELSE q.expires_at END,
    can_delay = coalesce(@canDelay::boolean, q.can_delay),
    requires_fresh_context = CASE WHEN q.id = @id THEN coalesce(@requiresFreshContext::boolean, q.requires_fresh_context) ELSE q.requires_fresh_context END,
    message_data = CASE WHEN q.id = @id AND @messageData::text IS NOT NULL THEN @messageData::jsonb ELSE q.message_data END,
    final_message = CASE WHEN q.id = @id AND @messageData::text IS NOT NULL THEN NULL ELSE q.final_message END,
    judged_at = CASE WHEN q.id = @id AND @messageData::text IS NOT NULL THEN NULL ELSE q.judged_at END,
    verdicts = CASE WHEN q.id = @id AND @messageData::text IS NOT NULL THEN 0 ELSE q.verdicts END
  WHERE q.id = ANY (@ids) AND q.status = 'queued'
  RETURNING q.id, q.user_id
), logged AS (
  INSERT INTO agent_actions_log (agent_type, action_type, user_id, context_id, context_type, output_data, created_at)
  SELECT 'message_orchestrator', 'message_changed', user_id, id, 'message_queue',
    jsonb_strip_nulls(jsonb_build_object('code', 'changed', 'reason', @change::text, 'fields', @fields::text[], 'key', @key::text)), @now
  FROM changed
  UNION ALL
  SELECT 'message_orchestrator', 'message_deferred', user_id, id, 'message_queue',
    jsonb_build_object('code', @code::text, 'reason', @sentence::text, 'until', @scheduledFor), @now
  FROM changed
  WHERE @code::text IS NOT NULL
)
SELECT id FROM changed
