-- Claims messages to send, at most as many as the rate allows all instances together: first those that have their user's turn already
-- and are due again, then the oldest pending message of each user whose turn is free and whose last SMS lies a cooldown back, or is a part
-- of the same sequence. The row
-- of the gate, locked for this one statement, makes instances claim one after another; the key of sms_turns gives each user to one of them.
WITH gate AS MATERIALIZED (
  SELECT greatest(g.free_at, @now - interval '100 milliseconds') AS free_at
  FROM sms_gate g
  WHERE g.free_at <= @now AND g.stopped_at IS NULL
  FOR UPDATE
), allowed AS MATERIALIZED (
  SELECT free_at, least(@most, floor(extract(epoch FROM @now - free_at) * @perSecond)::int + 1) AS messages
  FROM gate
), due AS MATERIALIZED (
  SELECT t.user_id FROM sms_turns t
  WHERE t.message_id IS NOT NULL AND t.requested_at IS NULL AND t.due_at <= @now
  ORDER BY t.due_at
  LIMIT coalesce((SELECT messages FROM allowed), 0)
  FOR UPDATE SKIP LOCKED
), retaken AS (
  UPDATE sms_turns t SET claim = @claim, due_at = @leaseEnd
  FROM due WHERE t.user_id = due.user_id
  RETURNING t.user_id
), pending AS MATERIALIZED (
  SELECT m.id, m.user_id, m.created_at
  FROM messages m
  LEFT JOIN sms_turns t ON t.user_id = m.user_id
  WHERE m.direction = 'outbound' AND m.status = 'pending' AND m.created_at >= (SELECT sends_from FROM sms_gate)
    AND (m.sms_not_before IS NULL OR m.sms_not_before <= @now)
    AND t.message_id IS NULL AND (t.last_sent_at IS NULL OR t.last_sent_at <= @sentBefore OR same_sequence(t.last_sent_id, m.id))
  ORDER BY m.created_at, m.id
  LIMIT coalesce((SELECT messages FROM allowed), 0)
), first AS (
  SELECT DISTINCT ON (user_id) id, user_id FROM pending ORDER BY user_id, created_at, id
), entered AS (
  INSERT INTO sms_turns AS t (user_id, message_id, claim, due_at)
  SELECT user_id, id, @claim, @leaseEnd FROM first
  ORDER BY user_id
  LIMIT coalesce((SELECT messages FROM allowed), 0) - (SELECT count(*) FROM due)
  ON CONFLICT (user_id) DO UPDATE SET message_id = excluded.message_id, claim = excluded.claim, due_at = excluded.due_at
  WHERE t.message_id IS NULL AND (t.last_sent_at IS NULL OR t.last_sent_at <= @sentBefore OR same_sequence(t.last_sent_id, excluded.message_id))
  RETURNING t.user_id
), claimed AS (
  SELECT user_id FROM retaken UNION ALL SELECT user_id FROM entered
), paced AS (
  UPDATE sms_gate g SET free_at = allowed.free_at + taken.messages * interval '1 second' / @perSecond
  FROM allowed, (SELECT count(*) AS messages FROM claimed) AS taken
  WHERE taken.messages > 0
)
SELECT user_id::text FROM claimed
