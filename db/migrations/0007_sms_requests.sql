-- What is remembered of each request to the SMS provider: enough to ask about it later, whatever has changed since.

CREATE TABLE sms_requests (
  message_id uuid NOT NULL,
  attempt integer NOT NULL,
  account text NOT NULL,
  sender text NOT NULL,
  recipient text NOT NULL,
  requested_at timestamptz NOT NULL,
  sid text,
  not_taken_at timestamptz,
  PRIMARY KEY (message_id, attempt)
);

CREATE INDEX sms_requests_sid_idx ON sms_requests (sid) WHERE sid IS NOT NULL;

COMMENT ON TABLE sms_requests IS 'Every request to the SMS provider, whatever became of it';
COMMENT ON COLUMN sms_requests.attempt IS 'Which request for its message, from 1';
COMMENT ON COLUMN sms_requests.not_taken_at IS 'When it counted as not taken, because the provider showed nothing; it is asked once more before the next request';
COMMENT ON COLUMN sms_requests.sid IS 'The provider''s id of what it took; null: it took nothing, or nobody knows';

ALTER TABLE sms_requests ENABLE ROW LEVEL SECURITY;

ALTER TABLE messages ADD COLUMN IF NOT EXISTS sms_tries integer NOT NULL DEFAULT 0;
COMMENT ON COLUMN messages.sms_tries IS 'How many of its requests count as tries: those that failed by a fault of everyone''s do not';
UPDATE messages SET sms_tries = sms_attempts WHERE direction = 'outbound' AND status IN ('pending', 'sending') AND sms_attempts > 0;

ALTER TABLE sms_gate
  ADD COLUMN taken_at timestamptz,
  ADD COLUMN unanswered integer NOT NULL DEFAULT 0,
  ALTER COLUMN sends_from SET DEFAULT 'infinity';
COMMENT ON COLUMN sms_gate.taken_at IS 'When the provider first took a message after a fault that shows only later; where none shows for a while, it is gone';
COMMENT ON COLUMN sms_gate.unanswered IS 'How many requests in a row had an outcome that nobody knew';

-- Set when this service first sends. Until then another program may be sending.
UPDATE sms_gate SET sends_from = 'infinity' WHERE NOT EXISTS (SELECT FROM sms_turns);

-- A number as it is dialled: people and programs put spaces, brackets and strokes between its digits.
CREATE FUNCTION dialled(number text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN translate(number, ' ()-./' || U&'\00A0', '');

DROP INDEX users_phone_number_idx, conversations_phone_number_idx;
CREATE INDEX users_phone_number_idx ON users (dialled(phone_number));
CREATE INDEX conversations_phone_number_idx ON conversations (dialled(phone_number));
