-- Rendering: what is known of a message that a model has judged or written, and what the model has cost.

ALTER TABLE message_queue
  ADD COLUMN IF NOT EXISTS judged_at timestamptz,
  ADD COLUMN IF NOT EXISTS render_attempts integer NOT NULL DEFAULT 0,
  ADD COLUMN IF NOT EXISTS render_claim uuid;

COMMENT ON COLUMN message_queue.judged_at IS 'The newest inbound message that the model knew when it judged this one; what the user writes later is judged anew. Null: not judged';
COMMENT ON COLUMN message_queue.render_attempts IS 'How often in a row the model failed for this message';
COMMENT ON COLUMN message_queue.render_claim IS 'Who is asking the model about it, until scheduled_for; a later claim takes it over';

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
    RETURN true;
  EXCEPTION WHEN others THEN
    RAISE WARNING 'agent_tasks refused a row: %', SQLSTATE;
    RETURN false;
  END;
END $$;
