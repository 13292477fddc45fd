-- Queues many messages that bear on no others and, in the same statement, takes the keys of those that have one. No row comes back
-- for a message whose key somebody has: it has been taken, or is free again, in between, and is for InsertMessage. Keys are taken
-- in one order, so that of two batches with the same keys one waits for the other, and neither for each other.
WITH asked AS (
  SELECT *
  FROM unnest(@ids::uuid[], @userIds::text[], @agentIds::text[], @messages::text[], @scheduledFors::timestamptz[], @priorities::text[],
    @conversationIds::text[], @freshContexts::boolean[], @canDelays::boolean[], @notBefores::timestamptz[], @expiresAts::timestamptz[],
    @bestAts::timestamptz[], @codes::text[], @sentences::text[], @keys::text[], @requestHashes::bytea[], @answers::text[], @logIds::uuid[])
  AS m (id, user_id, agent_id, message_data, scheduled_for, priority, conversation_id, requires_fresh_context, can_delay, not_before,
    expires_at, best_at, code, sentence, key, request_hash, answer, log_id)
), taken AS (
  INSERT INTO idempotency_keys (key, request_hash, message_id, running_until, answer, created_at)
  SELECT key, request_hash, id, @now, answer, @now FROM asked WHERE key IS NOT NULL ORDER BY key
  ON CONFLICT (key) DO NOTHING
  RETURNING message_id
), queued AS (
  INSERT INTO message_queue (id, user_id, agent_id, message_data, scheduled_for, priority, status, conversation_context_id,
    requires_fresh_context, can_delay, not_before, expires_at, best_at, reason, created_at)
  SELECT id, user_id::external_id, agent_id, message_data::jsonb, scheduled_for, priority, 'queued', conversation_id::external_id,
    requires_fresh_context, can_delay, not_before, expires_at, best_at, code, @now
  FROM asked
  WHERE key IS NULL OR id IN (SELECT message_id FROM taken)
  RETURNING id
), logged AS (
  INSERT INTO agent_actions_log (id, agent_type, action_type, user_id, context_id, context_type, output_data, created_at)
  SELECT log_id, 'message_orchestrator', 'message_deferred', user_id::external_id, id, 'message_queue',
    jsonb_build_object('code', code, 'reason', sentence, 'until', scheduled_for), @now
  FROM asked
  WHERE code IS NOT NULL AND (key IS NULL OR id IN (SELECT message_id FROM taken))
)
SELECT id FROM queued
