-- Sequences and topics. The three columns of sequences are those that an adopted queue has already.
ALTER TABLE message_queue
  ADD COLUMN IF NOT EXISTS sequence_id uuid,
  ADD COLUMN IF NOT EXISTS sequence_position integer,
  ADD COLUMN IF NOT EXISTS sequence_total integer,
  ADD COLUMN IF NOT EXISTS sequence_key text,
  ADD COLUMN IF NOT EXISTS topic text;

COMMENT ON COLUMN message_queue.sequence_id IS 'The messages of one user with one such id are delivered together; null: it goes by itself';
COMMENT ON COLUMN message_queue.sequence_key IS 'What the agent calls the sequence; null where it came in one request, or from another program';
COMMENT ON COLUMN message_queue.topic IS 'A newer message of the same user and topic supersedes this one while it waits';

-- The messages of one sequence. None of these indexes holds an ordinary message.
CREATE INDEX message_queue_sequence_idx ON message_queue (sequence_id) WHERE sequence_id IS NOT NULL;
-- A sequence by the name its agent gives it; no position in it is taken twice.
CREATE UNIQUE INDEX message_queue_sequence_place_idx ON message_queue (user_id, agent_id, sequence_key, sequence_position)
  WHERE sequence_key IS NOT NULL;
-- What a newer message of a topic supersedes.
CREATE INDEX message_queue_topic_idx ON message_queue (user_id, topic) WHERE status = 'queued' AND topic IS NOT NULL;

-- As before, and of a sequence one message leads: the waiting one with the lowest id. A dispatch claims only those that lead, and
-- comes to the others through them. Nothing marks the leader, so that there is always one, whoever else ends or deletes rows.
CREATE OR REPLACE VIEW waiting_messages WITH (security_invoker = true) AS
  SELECT q.id, q.user_id, q.priority, q.scheduled_for, plain_time(coalesce(q.created_at, q.scheduled_for)) AS created_at,
    plain_time(q.not_before) AS not_before, plain_time(q.expires_at) AS expires_at, plain_time(q.best_at) AS best_at,
    q.can_delay, q.conversation_context_id, q.reason, coalesce(q.requires_fresh_context, false) AS requires_fresh_context,
    coalesce(nullif(q.final_message, ''), message_text(q.message_data), '') <> '' AS has_content,
    q.sequence_id, q.topic,
    q.sequence_id IS NULL OR NOT EXISTS (
      SELECT FROM message_queue o
      WHERE o.sequence_id = q.sequence_id AND o.user_id = q.user_id AND o.status = 'queued' AND o.id < q.id) AS leads
  FROM message_queue q
  WHERE q.status = 'queued';

-- Whether two messages are parts of one sequence, which counts as one for the time between two SMS.
CREATE FUNCTION same_sequence(one uuid, other uuid) RETURNS boolean LANGUAGE sql STABLE
  RETURN EXISTS (
    SELECT FROM message_queue a JOIN message_queue b ON b.sequence_id = a.sequence_id AND b.user_id = a.user_id
    WHERE a.id = one AND b.id = other);

-- The messages of sequences as the rules see them, whatever has become of them.
CREATE VIEW sequence_messages WITH (security_invoker = true) AS
  SELECT id, user_id, agent_id, status, priority, plain_time(scheduled_for) AS scheduled_for,
    plain_time(coalesce(created_at, scheduled_for)) AS created_at, plain_time(not_before) AS not_before,
    plain_time(expires_at) AS expires_at, plain_time(best_at) AS best_at, can_delay, conversation_context_id, reason,
    coalesce(requires_fresh_context, false) AS requires_fresh_context,
    coalesce(nullif(final_message, ''), message_text(message_data), '') <> '' AS has_content,
    sequence_id, sequence_key, sequence_position, sequence_total
  FROM message_queue
  WHERE sequence_id IS NOT NULL;
