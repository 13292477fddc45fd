-- Sending: what the service needs to give pending messages to an SMS provider once each, and to hear what became of them.

ALTER TABLE messages
  ADD COLUMN IF NOT EXISTS twilio_message_sid text,
  ADD COLUMN IF NOT EXISTS sent_at timestamptz,
  ADD COLUMN IF NOT EXISTS delivered_at timestamptz,
  ADD COLUMN IF NOT EXISTS sms_attempts integer NOT NULL DEFAULT 0,
  ADD COLUMN IF NOT EXISTS sms_tried_at timestamptz,
  ADD COLUMN IF NOT EXISTS sms_not_before timestamptz,
  ADD COLUMN IF NOT EXISTS sms_error text,
  ADD COLUMN IF NOT EXISTS sms_error_at timestamptz;

COMMENT ON COLUMN messages.sms_attempts IS 'How many requests have been made to the SMS provider';
COMMENT ON COLUMN messages.sms_tried_at IS 'When the last request went out';
COMMENT ON COLUMN messages.sms_not_before IS 'A message that failed on its way to the phone is not tried again before';
COMMENT ON COLUMN messages.sms_error IS 'Code of what last kept it from the phone: the provider''s number, or this service''s word';
COMMENT ON COLUMN messages.sms_error_at IS 'When that was';

-- What waits to be sent, oldest first. Nothing else is in it, so it stays small.
CREATE INDEX IF NOT EXISTS messages_unsent_idx ON messages (created_at, id) WHERE direction = 'outbound' AND status = 'pending';
-- Whose message the provider reports of; and what of a list of the provider's is accounted for.
CREATE INDEX IF NOT EXISTS messages_sid_idx ON messages (twilio_message_sid) WHERE twilio_message_sid IS NOT NULL;
-- Who writes from a number.
CREATE INDEX IF NOT EXISTS users_phone_number_idx ON users (phone_number);
CREATE INDEX IF NOT EXISTS conversations_phone_number_idx ON conversations (phone_number);

-- One row per user to whom something was ever sent. The message whose turn it is keeps the turn until it is taken by the provider, or
-- never will be, so that no two are under way to one user and none overtakes another, whatever number of instances send.
CREATE TABLE sms_turns (
  user_id external_id PRIMARY KEY,
  message_id uuid,
  claim uuid,
  requested_at timestamptz,
  due_at timestamptz,
  last_sent_at timestamptz,
  last_sent_id uuid,
  CONSTRAINT sms_turns_held_or_free CHECK ((message_id IS NULL) = (due_at IS NULL) AND (message_id IS NOT NULL OR requested_at IS NULL))
) WITH (fillfactor = 70);

CREATE INDEX sms_turns_due_idx ON sms_turns (due_at) WHERE message_id IS NOT NULL;

COMMENT ON COLUMN sms_turns.message_id IS 'Whose turn it is; null: nobody''s';
COMMENT ON COLUMN sms_turns.claim IS 'Who is at it; a later claim takes it over';
COMMENT ON COLUMN sms_turns.requested_at IS 'When a request went out whose outcome is not known yet; null: there is none such';
COMMENT ON COLUMN sms_turns.due_at IS 'When somebody looks at it next: the end of a lease, of a wait, or of the patience with an unknown outcome';
COMMENT ON COLUMN sms_turns.last_sent_at IS 'When the provider last took something for the user';

-- The one row that all instances share: how fast is sent, and whether at all.
CREATE TABLE sms_gate (
  id boolean PRIMARY KEY DEFAULT true CHECK (id),
  sends_from timestamptz NOT NULL DEFAULT now(),
  free_at timestamptz NOT NULL DEFAULT 'epoch',
  stopped_at timestamptz,
  stopped_until timestamptz,
  stopped_by text,
  stops integer NOT NULL DEFAULT 0,
  opens_on_delivery boolean NOT NULL DEFAULT false,
  resumed_at timestamptz
) WITH (fillfactor = 50);

INSERT INTO sms_gate DEFAULT VALUES;

COMMENT ON COLUMN sms_gate.sends_from IS 'Older rows of messages are left to whoever sent before this service did';
COMMENT ON COLUMN sms_gate.free_at IS 'When the configured rate allows the next request';
COMMENT ON COLUMN sms_gate.stopped_at IS 'Since when nothing is sent; null: it is';
COMMENT ON COLUMN sms_gate.stopped_until IS 'When one message is tried, to see whether it works again';
COMMENT ON COLUMN sms_gate.opens_on_delivery IS 'Whether that one must be reported as on its way, not only taken, to open the gate again';

ALTER TABLE sms_turns ENABLE ROW LEVEL SECURITY;
ALTER TABLE sms_gate ENABLE ROW LEVEL SECURITY;
