-- What was asked for, answered and sent, laid out beside the service's own tables; and the rule of quiet hours, written anew.
CREATE TEMP TABLE ordered (
  reference text, user_id text, key text, texts text[], may_be_reworded boolean, not_before timestamptz, expires_at timestamptz,
  topic text, sequence text, place integer, is_cancelled boolean);
CREATE TEMP TABLE answered (reference text, id uuid);
CREATE TEMP TABLE taken (sid text, message_id uuid, recipient text, body text, at timestamptz, seconds double precision);
CREATE TEMP TABLE reported (message_id uuid, status text);
CREATE TEMP TABLE opted_out (user_id text, at timestamptz);
CREATE TEMP TABLE odd_answers (answer text);

-- The messages that were handed over, each with the delivery that it is a part of.
CREATE TEMP VIEW handed_over AS
  SELECT m.id, m.user_id, m.created_at, m.status, m.content, q.message_data ->> 'reference' AS reference, q.sequence_position,
    coalesce(q.sequence_id, m.id) AS delivery
  FROM messages m
  LEFT JOIN message_queue q ON q.id = m.id
  WHERE m.direction = 'outbound';

CREATE FUNCTION pg_temp.is_night(who text, at timestamptz) RETURNS boolean LANGUAGE sql STABLE AS $$
  SELECT coalesce((SELECT b.quiet_hours_enabled FROM user_message_budget b WHERE b.user_id = who ORDER BY b.date DESC LIMIT 1), true)
    AND CASE WHEN starts < ends THEN local >= starts AND local < ends WHEN starts > ends THEN local >= starts OR local < ends ELSE false END
  FROM (
    SELECT coalesce(u.quiet_hours_start, '22:00') AS starts, coalesce(u.quiet_hours_end, '08:00') AS ends,
      (at AT TIME ZONE coalesce(u.timezone, 'America/New_York'))::time AS local
    FROM users u WHERE u.id = who) AS night
$$;

CREATE FUNCTION pg_temp.has_written(who text, after timestamptz, until timestamptz) RETURNS boolean LANGUAGE sql STABLE AS $$
  SELECT EXISTS (
    SELECT FROM messages m WHERE m.user_id = who AND m.direction = 'inbound' AND m.created_at > after AND m.created_at <= until)
$$;
