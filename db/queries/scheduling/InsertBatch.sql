-- Queues many messages that bear on no others and, in the same statement, takes the keys of those that have one. No row comes back
-- for a message whose key somebody has: it has been taken, or is free again, in between, and is for InsertMessage. Keys are taken
-- in one order, so that of two batches with the same keys one waits for the other, and neither for each other.
WITH taken AS (
  INSERT INTO idempotency_keys (key, request_hash, message_id, running_until, answer, created_at)
  SELECT key, request_hash, id, @now, answer, @now
  FROM unnest(@keys::text[], @requestHashes::bytea[], @keyedIds::uuid[], @answers::text[]) AS keyed (key, request_hash, id, answer)
  ORDER BY key
  ON CONFLICT (key) DO NOTHING
  RETURNING message_id
)
INSERT INTO message_queue (id, user_id, agent_id, message_data, scheduled_for, priority, status, conversation_context_id,
  requires_fresh_context, can_delay, not_before, expires_at, best_at, reason, created_at)
SELECT id, user_id::external_id, agent_id, message_data::jsonb, scheduled_for, priority, 'queued', conversation_id::external_id,
  requires_fresh_context, can_delay, not_before, expires_at, best_at, code, @now
FROM unnest(@ids::uuid[], @userIds::text[], @agentIds::text[], @messages::text[], @scheduledFors::timestamptz[], @priorities::text[],
  @conversationIds::text[], @freshContexts::boolean[], @canDelays::boolean[], @notBefores::timestamptz[], @expiresAts::timestamptz[],
  @bestAts::timestamptz[], @codes::text[], @haveKeys::boolean[])
AS m (id, user_id, agent_id, message_data, scheduled_for, priority, conversation_id, requires_fresh_context, can_delay, not_before,
  expires_at, best_at, code, has_key)
WHERE NOT has_key OR id IN (SELECT message_id FROM taken)
RETURNING id
