-- Rendering: what is known of a message that a model has judged or written, and what the model has cost.

ALTER TABLE message_queue
  ADD COLUMN IF NOT EXISTS judged_at timestamptz,
  ADD COLUMN IF NOT EXISTS render_attempts integer NOT NULL DEFAULT 0,
  ADD COLUMN IF NOT EXISTS render_claim uuid,
  ADD COLUMN IF NOT EXISTS render_until timestamptz,
  ADD COLUMN IF NOT EXISTS verdicts integer NOT NULL DEFAULT 0;

COMMENT ON COLUMN message_queue.judged_at IS 'The newest inbound message that the model knew when it judged this one; what the user writes later is judged anew. Null: not judged';
COMMENT ON COLUMN message_queue.render_attempts IS 'How often in a row the model failed for this message';
COMMENT ON COLUMN message_queue.render_claim IS 'Who is asking the model about it, until scheduled_for; a later claim takes it over. Null: nobody is';
COMMENT ON COLUMN message_queue.render_until IS 'The scheduled_for that it got when it was put aside for the model; where the two differ, somebody has rescheduled it since';
COMMENT ON COLUMN message_queue.verdicts IS 'How often the model has judged it';

-- Whose messages a model is at; and what waits until a hand is free for it, in the order in which it goes. Neither holds an ordinary message.
CREATE INDEX message_queue_leased_idx ON message_queue (user_id) WHERE status = 'queued' AND render_claim IS NOT NULL;
CREATE INDEX message_queue_line_idx ON message_queue (priority, plain_time(coalesce(created_at, scheduled_for)))
  WHERE status = 'queued' AND render_claim IS NULL AND scheduled_for = render_until;

-- The text that would go out; null where there is none. Nothing else says whether a message has content.
CREATE FUNCTION text_to_send(final_message text, message_data jsonb) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
  RETURN coalesce(nullif(final_message, ''), message_text(message_data));

-- What a text could be written from; null where there is nothing.
CREATE FUNCTION message_brief(message_data jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE PARALLEL SAFE
  RETURN CASE WHEN jsonb_typeof(message_data) = 'object' THEN nullif(message_data - 'content', '{}') END;

-- As before, and what the model has to do with it.
CREATE OR REPLACE VIEW waiting_messages WITH (security_invoker = true) AS
  SELECT q.id, q.user_id, q.priority, q.scheduled_for, plain_time(coalesce(q.created_at, q.scheduled_for)) AS created_at,
    plain_time(q.not_before) AS not_before, plain_time(q.expires_at) AS expires_at, plain_time(q.best_at) AS best_at,
    q.can_delay, q.conversation_context_id, q.reason, coalesce(q.requires_fresh_context, false) AS requires_fresh_context,
    text_to_send(q.final_message, q.message_data) IS NOT NULL AS has_content,
    q.sequence_id, q.topic,
    q.sequence_id IS NULL OR NOT EXISTS (
      SELECT FROM message_queue o
      WHERE o.sequence_id = q.sequence_id AND o.user_id = q.user_id AND o.status = 'queued' AND o.id < q.id) AS leads,
    message_brief(q.message_data) IS NOT NULL AS has_brief,
    q.render_claim IS NOT NULL AND q.scheduled_for = q.render_until AS is_leased,
    q.render_claim IS NULL AND q.scheduled_for = q.render_until AS stands_in_line
  FROM message_queue q
  WHERE q.status = 'queued';

CREATE OR REPLACE VIEW sequence_messages WITH (security_invoker = true) AS
  SELECT id, user_id, agent_id, status, priority, plain_time(scheduled_for) AS scheduled_for,
    plain_time(coalesce(created_at, scheduled_for)) AS created_at, plain_time(not_before) AS not_before,
    plain_time(expires_at) AS expires_at, plain_time(best_at) AS best_at, can_delay, conversation_context_id, reason,
    coalesce(requires_fresh_context, false) AS requires_fresh_context,
    text_to_send(final_message, message_data) IS NOT NULL AS has_content,
    sequence_id, sequence_key, sequence_position, sequence_total,
    message_brief(message_data) IS NOT NULL AS has_brief
  FROM message_queue
  WHERE sequence_id IS NOT NULL;

-- From when on what is said is news to a message: when it was queued. Rows of other programs may not say that.
CREATE FUNCTION news_from(created_at timestamptz, not_before timestamptz, scheduled_for timestamptz) RETURNS timestamptz
  LANGUAGE sql IMMUTABLE PARALLEL SAFE
  RETURN plain_time(coalesce(created_at, not_before, scheduled_for));

-- One row a day, in UTC.
CREATE TABLE model_spending (
  day date PRIMARY KEY,
  calls bigint NOT NULL DEFAULT 0,
  cost_usd numeric(14, 6) NOT NULL DEFAULT 0
) WITH (fillfactor = 50);

ALTER TABLE model_spending ENABLE ROW LEVEL SECURITY;

-- What was said lately in a conversation. An adopted table mostly has such an index already, under a name of its own.
DO $$
BEGIN
  IF NOT EXISTS (
    SELECT FROM pg_index i
    JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
    WHERE i.indrelid = 'messages'::regclass AND a.attname = 'conversation_id' AND i.indpred IS NULL) THEN
    CREATE INDEX messages_conversation_idx ON messages (conversation_id, created_at DESC);
  END IF;
END $$;

-- Asks for a stale message to be put in other words, where there is a table of tasks to ask in: with as many of the usual columns as it has.
-- A table of another shape refuses the row, and the message is stale all the same.
CREATE FUNCTION request_reformulation(message_id uuid, message_user_id text, message_agent_id text, stale_reason text, at timestamptz)
RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
  columns text;
  expressions text;
BEGIN
  IF to_regclass('agent_tasks') IS NULL THEN
    RETURN false;
  END IF;

  SELECT string_agg(quote_ident(known.name), ', '), string_agg(known.expression, ', ')
  INTO columns, expressions
  FROM (VALUES
    ('task_type', quote_literal('reformulate_message')),
    ('agent_type', quote_literal(coalesce(nullif(split_part(message_agent_id, '_', 1), ''), 'system'))),
    ('agent_id', quote_nullable(message_agent_id)),
    ('user_id', quote_nullable(message_user_id)),
    ('context_id', quote_literal(message_id::text)),
    ('context_type', quote_literal('message_queue')),
    ('scheduled_for', quote_literal(at::text)),
    ('priority', quote_literal('medium')),
    ('status', quote_literal('pending')),
    ('context_json', quote_literal(jsonb_build_object('message_id', message_id, 'reason', stale_reason)::text)),
    ('created_by', quote_literal('message_orchestrator')),
    ('created_at', quote_literal(at::text))
  ) AS known (name, expression)
  JOIN pg_attribute a ON a.attrelid = to_regclass('agent_tasks') AND a.attname = known.name AND a.attnum > 0 AND NOT a.attisdropped;

  BEGIN
    EXECUTE format('INSERT INTO agent_tasks (%s) VALUES (%s)', columns, expressions);
    -- What the table puts off to the end of the transaction would take the verdict down with it.
    SET CONSTRAINTS ALL IMMEDIATE;
    RETURN true;
  -- A table that takes too long is given up like one that refuses; others does not mean that.
  EXCEPTION WHEN query_canceled OR others THEN
    RAISE WARNING 'agent_tasks refused a row: %', SQLSTATE;
    RETURN false;
  END;
END $$;
