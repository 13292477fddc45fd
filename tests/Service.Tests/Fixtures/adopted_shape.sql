-- A database as the replaced service leaves it: its tables with uuid ids, its triggers, and rows of every kind it knew.
-- The clock of the tests stands at 2025-10-15 16:00 UTC, noon in New York.

CREATE TABLE users (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  phone_number varchar(20) UNIQUE NOT NULL,
  email varchar(255),
  first_name varchar(100),
  last_name varchar(100),
  company varchar(255),
  timezone varchar(50),
  quiet_hours_start time,
  quiet_hours_end time,
  response_pattern jsonb,
  verified boolean DEFAULT false,
  created_at timestamptz DEFAULT now(),
  updated_at timestamptz DEFAULT now()
);

CREATE TABLE conversations (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  user_id uuid NOT NULL REFERENCES users (id),
  phone_number varchar(20) NOT NULL,
  status varchar(50) DEFAULT 'active',
  conversation_summary text,
  messages_since_summary integer DEFAULT 0,
  last_message_at timestamptz,
  created_at timestamptz DEFAULT now(),
  updated_at timestamptz DEFAULT now()
);
CREATE INDEX idx_conversations_user ON conversations (user_id);

CREATE TABLE messages (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  conversation_id uuid NOT NULL REFERENCES conversations (id),
  user_id uuid NOT NULL REFERENCES users (id),
  role varchar(50) NOT NULL,
  content text NOT NULL,
  direction varchar(20) NOT NULL,
  twilio_message_sid varchar(100),
  status varchar(50),
  created_at timestamptz DEFAULT now(),
  sent_at timestamptz,
  delivered_at timestamptz
);
CREATE INDEX idx_messages_conversation ON messages (conversation_id, created_at DESC);

CREATE TABLE message_queue (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  user_id uuid NOT NULL REFERENCES users (id),
  agent_id varchar(100),
  message_data jsonb,
  final_message text,
  scheduled_for timestamptz NOT NULL,
  priority varchar(20) DEFAULT 'medium',
  status varchar(50) DEFAULT 'queued',
  superseded_by_message_id uuid REFERENCES message_queue (id),
  superseded_reason varchar(100),
  conversation_context_id uuid REFERENCES conversations (id),
  requires_fresh_context boolean DEFAULT false,
  sequence_id uuid,
  sequence_position integer,
  sequence_total integer,
  sent_at timestamptz,
  delivered_message_id uuid REFERENCES messages (id),
  created_at timestamptz DEFAULT now()
);
CREATE INDEX idx_queue_due ON message_queue (scheduled_for, priority) WHERE status IN ('queued', 'approved');

CREATE TABLE user_message_budget (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  user_id uuid NOT NULL REFERENCES users (id),
  date date NOT NULL,
  messages_sent integer DEFAULT 0,
  last_message_at timestamptz,
  daily_limit integer DEFAULT 5,
  hourly_limit integer DEFAULT 2,
  quiet_hours_enabled boolean DEFAULT true,
  created_at timestamptz DEFAULT now(),
  UNIQUE (user_id, date)
);

CREATE TABLE agent_actions_log (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  agent_type varchar(50) NOT NULL,
  agent_instance_id uuid,
  action_type varchar(100) NOT NULL,
  user_id uuid REFERENCES users (id),
  context_id uuid,
  context_type varchar(50),
  model_used varchar(100),
  input_tokens integer,
  output_tokens integer,
  cost_usd decimal(10, 6),
  latency_ms integer,
  input_data jsonb,
  output_data jsonb,
  error text,
  created_at timestamptz DEFAULT now()
);

-- The sender of the replaced service takes pending rows as they come.
CREATE FUNCTION announce_pending_message() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_notify('send_sms', json_build_object('id', NEW.id, 'conversation_id', NEW.conversation_id)::text);
  UPDATE messages SET status = 'queued_for_send' WHERE id = NEW.id;
  RETURN NEW;
END $$;

CREATE TRIGGER on_outbound_message AFTER INSERT ON messages
  FOR EACH ROW WHEN (NEW.direction = 'outbound' AND NEW.status = 'pending') EXECUTE FUNCTION announce_pending_message();

CREATE FUNCTION count_message() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE conversations
  SET messages_since_summary = messages_since_summary + 1, last_message_at = NEW.created_at, updated_at = now()
  WHERE id = NEW.conversation_id;
  RETURN NEW;
END $$;

CREATE TRIGGER on_any_message AFTER INSERT ON messages FOR EACH ROW EXECUTE FUNCTION count_message();

-- Ann has everything. Bob and Cyd have what is usual; Cyd no time zone. Dan has no conversation. Eve has switched quiet hours off.
INSERT INTO users (id, phone_number, email, first_name, timezone, quiet_hours_start, quiet_hours_end, response_pattern, verified) VALUES
  ('a0000000-0000-4000-8000-000000000001', '+12125550101', 'ann@example.com', 'Ann', 'America/New_York', '22:00', '08:00', '{"best_hours": [12]}', true),
  ('b0000000-0000-4000-8000-000000000002', '+12125550102', NULL, 'Bob', 'America/Chicago', NULL, NULL, NULL, true),
  ('c0000000-0000-4000-8000-000000000003', '+12125550103', NULL, NULL, NULL, NULL, NULL, '{}', false),
  ('d0000000-0000-4000-8000-000000000004', '+12125550104', NULL, 'Dan', 'America/Denver', NULL, NULL, NULL, false),
  ('e0000000-0000-4000-8000-000000000005', '+12125550105', NULL, 'Eve', 'America/New_York', '22:00', '08:00', NULL, true);

INSERT INTO conversations (id, user_id, phone_number, status, messages_since_summary, created_at) VALUES
  ('a1000000-0000-4000-8000-000000000001', 'a0000000-0000-4000-8000-000000000001', '+12125550101', 'active', 0, '2025-09-01 12:00Z'),
  ('a2000000-0000-4000-8000-000000000001', 'a0000000-0000-4000-8000-000000000001', '+12125550101', 'completed', 9, '2025-09-20 12:00Z'),
  ('b1000000-0000-4000-8000-000000000002', 'b0000000-0000-4000-8000-000000000002', '+12125550102', 'active', 0, '2025-09-01 12:00Z'),
  ('c1000000-0000-4000-8000-000000000003', 'c0000000-0000-4000-8000-000000000003', '+12125550103', 'active', 0, '2025-09-01 12:00Z'),
  ('e1000000-0000-4000-8000-000000000005', 'e0000000-0000-4000-8000-000000000005', '+12125550105', 'active', 0, '2025-09-01 12:00Z');

INSERT INTO messages (id, conversation_id, user_id, role, content, direction, twilio_message_sid, status, created_at, sent_at, delivered_at) VALUES
  ('aa000000-0000-4000-8000-000000000001', 'a1000000-0000-4000-8000-000000000001', 'a0000000-0000-4000-8000-000000000001',
    'user', 'Who is there?', 'inbound', 'SM0001', 'received', '2025-10-14 15:00Z', NULL, NULL),
  ('aa000000-0000-4000-8000-000000000002', 'a1000000-0000-4000-8000-000000000001', 'a0000000-0000-4000-8000-000000000001',
    'concierge', 'It is me', 'outbound', 'SM0002', 'delivered', '2025-10-14 15:01Z', '2025-10-14 15:01Z', '2025-10-14 15:02Z'),
  ('bb000000-0000-4000-8000-000000000001', 'b1000000-0000-4000-8000-000000000002', 'b0000000-0000-4000-8000-000000000002',
    'bouncer', 'Welcome', 'outbound', NULL, NULL, '2025-10-01 15:00Z', NULL, NULL);

INSERT INTO message_queue (id, user_id, agent_id, message_data, final_message, scheduled_for, priority, status, superseded_by_message_id,
  superseded_reason, conversation_context_id, requires_fresh_context, sequence_id, sequence_position, sequence_total, sent_at, delivered_message_id, created_at) VALUES
  -- Waiting, and due.
  ('0a000000-0000-4000-8000-000000000001', 'a0000000-0000-4000-8000-000000000001', 'concierge_agent_1', '{"content": "Queued of old"}', NULL,
    '2025-10-15 15:00Z', 'high', 'queued', NULL, NULL, 'a1000000-0000-4000-8000-000000000001', false, NULL, NULL, NULL, NULL, NULL, '2025-10-15 14:00Z'),
  -- Approved, which nothing ever looked at again; no agent is named.
  ('0b000000-0000-4000-8000-000000000002', 'b0000000-0000-4000-8000-000000000002', NULL, NULL, 'Approved of old',
    '2025-10-15 15:00Z', 'urgent', 'approved', NULL, NULL, 'b1000000-0000-4000-8000-000000000002', NULL, NULL, NULL, NULL, NULL, NULL, NULL),
  -- Without a lane, a conversation and an answer to whether the context must be fresh.
  ('0c000000-0000-4000-8000-000000000003', 'c0000000-0000-4000-8000-000000000003', 'bouncer_agent', '{"content": "Laneless of old"}', NULL,
    '2025-10-15 15:00Z', NULL, 'queued', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '2025-10-15 14:00Z'),
  -- Waiting for tomorrow noon in New York.
  ('0e000000-0000-4000-8000-000000000005', 'e0000000-0000-4000-8000-000000000005', 'innovator_agent', '{"content": "For tomorrow"}', NULL,
    '2025-10-16 16:00Z', 'low', 'queued', NULL, NULL, 'e1000000-0000-4000-8000-000000000005', false, NULL, NULL, NULL, NULL, NULL, '2025-10-15 14:00Z'),
  -- Done: sent with and without the message it became, superseded, cancelled, a sequence.
  ('0f000000-0000-4000-8000-000000000001', 'a0000000-0000-4000-8000-000000000001', 'concierge_agent_1', '{"content": "It is me"}', 'It is me',
    '2025-10-14 15:00Z', 'high', 'sent', NULL, NULL, 'a1000000-0000-4000-8000-000000000001', false, NULL, NULL, NULL, '2025-10-14 15:01Z',
    'aa000000-0000-4000-8000-000000000002', '2025-10-14 14:00Z'),
  ('0f000000-0000-4000-8000-000000000002', 'b0000000-0000-4000-8000-000000000002', 'bouncer_agent', '{"content": "Welcome"}', NULL,
    '2025-10-01 15:00Z', NULL, 'sent', NULL, NULL, NULL, false, NULL, NULL, NULL, '2025-10-01 15:00Z', NULL, '2025-10-01 14:00Z'),
  ('0f000000-0000-4000-8000-000000000003', 'a0000000-0000-4000-8000-000000000001', 'concierge_agent_1', '{"content": "Stale"}', NULL,
    '2025-10-14 15:00Z', 'low', 'superseded', '0f000000-0000-4000-8000-000000000001', 'stale_context', NULL, true, NULL, NULL, NULL, NULL, NULL, '2025-10-14 13:00Z'),
  ('0f000000-0000-4000-8000-000000000004', 'c0000000-0000-4000-8000-000000000003', 'concierge_agent_1', '{"content": "Never mind"}', NULL,
    '2025-10-14 15:00Z', 'medium', 'cancelled', NULL, NULL, NULL, false, NULL, NULL, NULL, NULL, NULL, '2025-10-14 13:00Z'),
  ('0f000000-0000-4000-8000-000000000005', 'b0000000-0000-4000-8000-000000000002', 'bouncer_agent', '{"content": "One of two"}', NULL,
    '2025-10-01 15:00Z', 'medium', 'sent', NULL, NULL, NULL, false, '5e000000-0000-4000-8000-000000000001', 1, 2, '2025-10-01 15:00Z',
    'bb000000-0000-4000-8000-000000000001', '2025-10-01 14:00Z');

INSERT INTO user_message_budget (user_id, date, messages_sent, last_message_at, daily_limit, hourly_limit, quiet_hours_enabled) VALUES
  ('a0000000-0000-4000-8000-000000000001', '2025-10-10', 4, '2025-10-10 15:00Z', 50, 20, true),
  ('a0000000-0000-4000-8000-000000000001', '2025-10-14', 3, '2025-10-14 15:01Z', 3, 2, true),
  ('b0000000-0000-4000-8000-000000000002', '2025-10-15', 1, '2025-10-15 14:30Z', 5, 2, NULL),
  ('e0000000-0000-4000-8000-000000000005', '2025-10-13', 1, '2025-10-13 15:00Z', 5, 2, true),
  ('e0000000-0000-4000-8000-000000000005', '2025-10-14', NULL, NULL, NULL, NULL, false);

INSERT INTO agent_actions_log (agent_type, action_type, user_id, context_type, model_used, input_tokens, cost_usd, output_data) VALUES
  ('concierge', 'message_rendered', 'a0000000-0000-4000-8000-000000000001', 'conversation', 'model-of-old', 120, 0.000360, '{"ok": true}');
