-- Looking at messages: lists, newest first, and one message with all that is known of it.

-- The time that lists go by. Rows that do not say when they were queued come last.
CREATE FUNCTION queued_at(created_at timestamptz) RETURNS timestamptz LANGUAGE sql IMMUTABLE PARALLEL SAFE
  RETURN plain_time(coalesce(created_at, '1900-01-01Z'));

-- Lists of one user, and lists of one status; that of everything merges the statuses. Of the two only the first is written to at
-- random places: the second grows at the end of each status.
CREATE INDEX message_queue_user_idx ON message_queue (user_id, queued_at(created_at), id);
CREATE INDEX message_queue_status_idx ON message_queue (status, queued_at(created_at), id);

-- A message as its callers see it, and how far its SMS has come once it was handed over. not_before is there only as somebody asked for it:
-- a message that goes as soon as it can has its own created_at there, after a rule has held it back.
CREATE VIEW message_states WITH (security_invoker = true) AS
  SELECT q.id, q.user_id, q.agent_id, q.conversation_context_id AS conversation_id, q.priority, q.topic, q.status, q.reason,
    q.sequence_id, q.sequence_key, q.sequence_position, q.sequence_total,
    queued_at(q.created_at) AS listed_at, plain_time(coalesce(q.created_at, q.scheduled_for)) AS created_at,
    plain_time(q.scheduled_for) AS scheduled_for,
    plain_time(nullif(coalesce(q.not_before, CASE WHEN q.reason IS NULL THEN q.scheduled_for END), q.created_at)) AS not_before,
    plain_time(q.expires_at) AS expires_at, plain_time(q.finished_at) AS finished_at, q.can_delay,
    coalesce(q.requires_fresh_context, false) AS requires_fresh_context, q.superseded_by_message_id,
    m.status AS sms_status, m.twilio_message_sid AS sms_sid, m.sms_attempts, m.sms_error, plain_time(m.sms_error_at) AS sms_error_at,
    plain_time(m.sent_at) AS sms_sent_at, plain_time(m.delivered_at) AS sms_delivered_at
  FROM message_queue q
  LEFT JOIN messages m ON m.id = q.delivered_message_id;
