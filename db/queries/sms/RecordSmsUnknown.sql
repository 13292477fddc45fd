-- A request went out and nobody knows what became of it: somebody asks the provider at that time. Its turn stays taken. Returns how many
-- requests in a row have come to this.
WITH gate AS MATERIALIZED (
  -- Before the turn, as everywhere.
  SELECT g.id FROM sms_gate g WHERE @counts FOR UPDATE
), asked AS (
  UPDATE sms_turns t SET due_at = @until
  WHERE (NOT @counts OR EXISTS (SELECT FROM gate))
    AND t.user_id = @userId::external_id AND t.message_id = @messageId AND t.claim = @claim AND t.requested_at IS NOT NULL
  RETURNING t.user_id, t.message_id
), counted AS (
  UPDATE sms_gate g SET unanswered = g.unanswered + 1 FROM asked WHERE @counts
  RETURNING g.unanswered
), logged AS (
  INSERT INTO agent_actions_log (agent_type, action_type, user_id, context_id, context_type, output_data, created_at)
  SELECT 'message_orchestrator', 'sms_unknown', (SELECT u.id FROM users u WHERE u.id = asked.user_id), asked.message_id, 'messages',
    jsonb_build_object('code', @code, 'reason', @reason, 'until', @until), @now
  FROM asked
  WHERE @isNew
)
SELECT coalesce((SELECT counted.unanswered FROM counted), 0)
