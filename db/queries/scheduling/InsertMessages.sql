-- As InsertMessage, for what takes the user's lock first: the messages of a sequence, all with one slot, and messages with a topic.
WITH taken AS (
  INSERT INTO idempotency_keys AS k (key, request_hash, message_id, running_until, answer, created_at)
  SELECT @key, @requestHash::bytea, (@ids::uuid[])[1], @runningUntil, @answer::text, @now
  WHERE @key::text IS NOT NULL
  ON CONFLICT (key) DO UPDATE
  SET request_hash = excluded.request_hash, message_id = excluded.message_id, running_until = excluded.running_until,
    answer = excluded.answer, created_at = excluded.created_at
  -- It must be seen to have left: a message that a request at the same moment stores is not seen yet.
  WHERE EXISTS (SELECT FROM message_queue q WHERE q.id = k.message_id AND q.finished_at <= @now - interval '24 hours')
  RETURNING k.key
)
INSERT INTO message_queue (id, user_id, agent_id, message_data, scheduled_for, priority, status, conversation_context_id,
  requires_fresh_context, can_delay, not_before, expires_at, best_at, reason, created_at,
  topic, sequence_id, sequence_key, sequence_position, sequence_total)
SELECT m.id, @userId::external_id, @agentId, m.message_data::jsonb, @scheduledFor, @priority, 'queued', @conversationId::text::external_id,
  @requiresFreshContext, @canDelay, @notBefore::timestamptz, @expiresAt::timestamptz, @bestAt::timestamptz, @code::text, @now,
  @topic::text, @sequenceId::uuid, @sequenceKey::text, m.position, @sequenceTotal::integer
FROM unnest(@ids::uuid[], @messages::text[], @positions::integer[]) AS m (id, message_data, position)
WHERE @key::text IS NULL OR EXISTS (SELECT FROM taken)
RETURNING id
