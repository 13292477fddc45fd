-- The tables of the service: created where they are missing, adopted in place where the service that this one replaces has
-- left them (there every id is a uuid). Everything is additive: no column, index, trigger or row of an adopted table goes.

-- User and conversation ids are opaque text on a fresh database and uuid on an adopted one. Statements cast to this domain,
-- so that one text of each statement, and the index below it, serves both.
DO $$
BEGIN
  EXECUTE format('CREATE DOMAIN external_id AS %s', coalesce(
    (SELECT format_type(a.atttypid, NULL) FROM pg_attribute a WHERE a.attrelid = to_regclass('users') AND a.attname = 'id'),
    'text'));
END $$;

CREATE TABLE IF NOT EXISTS users (
  id text PRIMARY KEY CHECK (id <> ''),
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);

ALTER TABLE users
  ADD COLUMN IF NOT EXISTS phone_number text,
  ADD COLUMN IF NOT EXISTS first_name text,
  ADD COLUMN IF NOT EXISTS timezone text,
  ADD COLUMN IF NOT EXISTS quiet_hours_start time,
  ADD COLUMN IF NOT EXISTS quiet_hours_end time,
  ADD COLUMN IF NOT EXISTS response_pattern jsonb,
  ADD COLUMN IF NOT EXISTS opted_out boolean NOT NULL DEFAULT false;

CREATE TABLE IF NOT EXISTS conversations (
  id text PRIMARY KEY CHECK (id <> ''),
  user_id text NOT NULL,
  phone_number text NOT NULL,
  status text DEFAULT 'active',
  conversation_summary text,
  created_at timestamptz DEFAULT now(),
  updated_at timestamptz DEFAULT now(),
  last_message_at timestamptz
);

CREATE INDEX IF NOT EXISTS conversations_active_idx ON conversations (user_id, created_at DESC) WHERE status = 'active';

CREATE TABLE IF NOT EXISTS messages (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  conversation_id text NOT NULL,
  user_id text NOT NULL,
  role text NOT NULL,
  content text NOT NULL,
  direction text NOT NULL CHECK (direction IN ('inbound', 'outbound')),
  status text,
  twilio_message_sid text,
  created_at timestamptz NOT NULL DEFAULT now(),
  sent_at timestamptz,
  delivered_at timestamptz
);

-- When a user last wrote, and at which hours: probed for each user of a batch. Outbound rows never enter it.
CREATE INDEX IF NOT EXISTS messages_inbound_idx ON messages (user_id, created_at DESC) WHERE direction = 'inbound';

CREATE TABLE IF NOT EXISTS message_queue (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  user_id text NOT NULL,
  agent_id text NOT NULL,
  message_data jsonb NOT NULL,
  final_message text,
  scheduled_for timestamptz NOT NULL,
  priority text NOT NULL DEFAULT 'medium',
  status text NOT NULL DEFAULT 'queued',
  superseded_by_message_id uuid,
  superseded_reason text,
  conversation_context_id text,
  requires_fresh_context boolean DEFAULT false,
  sent_at timestamptz,
  delivered_message_id uuid,
  created_at timestamptz NOT NULL DEFAULT now()
);

ALTER TABLE message_queue
  ADD COLUMN IF NOT EXISTS can_delay boolean NOT NULL DEFAULT true,
  ADD COLUMN IF NOT EXISTS not_before timestamptz,
  ADD COLUMN IF NOT EXISTS expires_at timestamptz,
  ADD COLUMN IF NOT EXISTS best_at timestamptz,
  ADD COLUMN IF NOT EXISTS reason text,
  ADD COLUMN IF NOT EXISTS finished_at timestamptz;

COMMENT ON COLUMN message_queue.scheduled_for IS 'When the message is next decided; moved each time a rule holds it back';
COMMENT ON COLUMN message_queue.not_before IS 'What the caller asked for with scheduledFor; never moved';
COMMENT ON COLUMN message_queue.best_at IS 'The best time found when the message was queued; null where none is known';
COMMENT ON COLUMN message_queue.reason IS 'Code of the last decision: what holds the message back, or why it failed';
COMMENT ON COLUMN message_queue.finished_at IS 'When the message left the queue, whatever way';

-- What an adopted queue may hold that no dispatch would ever look at: rows without a lane, and the status "approved", which
-- stood for "queued and ready".
UPDATE message_queue SET priority = 'medium' WHERE priority IS NULL OR priority NOT IN ('urgent', 'high', 'medium', 'low');
UPDATE message_queue SET status = CASE WHEN sent_at IS NULL THEN 'queued' ELSE 'sent' END
  WHERE status IS NULL OR status = 'approved';

-- A row that no dispatch would find is refused when it is written, not lost without a trace.
ALTER TABLE message_queue
  ALTER COLUMN priority SET NOT NULL,
  ALTER COLUMN status SET NOT NULL,
  ADD CONSTRAINT message_queue_priority_is_a_lane CHECK (priority IN ('urgent', 'high', 'medium', 'low')),
  ADD CONSTRAINT message_queue_status_is_known CHECK (
    status IN ('queued', 'sent', 'expired', 'failed', 'cancelled', 'superseded')) NOT VALID,
  ADD CONSTRAINT message_queue_sent_means_delivered CHECK (status <> 'sent' OR delivered_message_id IS NOT NULL) NOT VALID;

-- The one index a dispatch reads: a probe a lane, in the order of time. Finished rows are not in it.
CREATE INDEX IF NOT EXISTS message_queue_due_idx ON message_queue (priority, scheduled_for) WHERE status = 'queued';
-- What else is waiting for the same user.
CREATE INDEX IF NOT EXISTS message_queue_waiting_idx ON message_queue (user_id, scheduled_for) WHERE status = 'queued';
-- The text that a message brings along; null where it brings none, or an empty one.
CREATE FUNCTION message_text(message_data jsonb) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
  RETURN CASE WHEN jsonb_typeof(message_data -> 'content') = 'string' THEN nullif(message_data ->> 'content', '') END;

-- A time with which calendars can reckon: what lies beyond, infinity too, counts as the end of time. Null stays null.
CREATE FUNCTION plain_time(t timestamptz) RETURNS timestamptz LANGUAGE sql IMMUTABLE PARALLEL SAFE
  RETURN CASE WHEN t < '1900-01-01Z' THEN '1900-01-01Z' WHEN t > '9000-01-01Z' THEN '9000-01-01Z' ELSE t END;

-- A waiting message as the rules see it. Columns that an index orders are left as they are.
CREATE VIEW waiting_messages WITH (security_invoker = true) AS
  SELECT id, user_id, priority, scheduled_for, plain_time(coalesce(created_at, scheduled_for)) AS created_at,
    plain_time(not_before) AS not_before, plain_time(expires_at) AS expires_at, plain_time(best_at) AS best_at,
    can_delay, conversation_context_id, reason, coalesce(requires_fresh_context, false) AS requires_fresh_context,
    coalesce(nullif(final_message, ''), message_text(message_data), '') <> '' AS has_content
  FROM message_queue
  WHERE status = 'queued';

CREATE TABLE IF NOT EXISTS user_message_budget (
  user_id text NOT NULL,
  date date NOT NULL,
  messages_sent integer DEFAULT 0 CHECK (messages_sent >= 0),
  last_message_at timestamptz,
  daily_limit integer,
  hourly_limit integer,
  quiet_hours_enabled boolean DEFAULT true,
  created_at timestamptz DEFAULT now(),
  PRIMARY KEY (user_id, date)
) WITH (fillfactor = 80);

ALTER TABLE user_message_budget ADD COLUMN IF NOT EXISTS recent_deliveries timestamptz[] NOT NULL DEFAULT '{}';

COMMENT ON COLUMN user_message_budget.date IS 'The calendar day in the user''s own time zone';
COMMENT ON COLUMN user_message_budget.recent_deliveries IS 'The deliveries of the last 60 minutes, for the hourly limit';

CREATE TABLE IF NOT EXISTS agent_actions_log (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  agent_type text NOT NULL,
  action_type text NOT NULL,
  user_id text,
  context_id uuid,
  context_type text,
  model_used text,
  input_tokens integer,
  output_tokens integer,
  cost_usd numeric(10, 6),
  latency_ms integer,
  input_data jsonb,
  output_data jsonb,
  error text,
  created_at timestamptz DEFAULT now()
);

-- The trail of one message.
CREATE INDEX IF NOT EXISTS agent_actions_log_trail_idx ON agent_actions_log (context_id, created_at)
  WHERE agent_type = 'message_orchestrator';

-- One row per instance that dispatches: what it has done, and when it last looked. Each instance writes its own row alone.
CREATE TABLE IF NOT EXISTS dispatchers (
  id uuid PRIMARY KEY,
  started_at timestamptz NOT NULL,
  last_pass_at timestamptz NOT NULL,
  delivered bigint NOT NULL DEFAULT 0,
  deferred bigint NOT NULL DEFAULT 0,
  expired bigint NOT NULL DEFAULT 0,
  failed bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 50);

CREATE TABLE IF NOT EXISTS idempotency_keys (
  key text PRIMARY KEY CHECK (length(key) BETWEEN 1 AND 255),
  request_hash bytea NOT NULL,
  message_id uuid NOT NULL,
  running_until timestamptz NOT NULL,
  answer text NOT NULL,
  created_at timestamptz NOT NULL
);

-- The service's own tables are nobody else's, also where the database is reachable through a REST gateway.
ALTER TABLE message_queue ENABLE ROW LEVEL SECURITY;
ALTER TABLE user_message_budget ENABLE ROW LEVEL SECURITY;
ALTER TABLE dispatchers ENABLE ROW LEVEL SECURITY;
ALTER TABLE idempotency_keys ENABLE ROW LEVEL SECURITY;
ALTER TABLE orchestrator_migrations ENABLE ROW LEVEL SECURITY;
