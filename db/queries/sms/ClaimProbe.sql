-- While the gate is stopped: claims one message to try, when it is time for that. First one that no fault has met yet, then the one whose
-- fault is oldest, so that a message which is itself the fault is not the only one ever tried.
WITH gate AS MATERIALIZED (
  SELECT g.sends_from FROM sms_gate g
  WHERE g.free_at <= @now AND g.stopped_at IS NOT NULL AND g.stopped_until <= @now
  FOR UPDATE
), candidate AS (
  SELECT t.user_id, t.message_id, m.sms_error_at, m.created_at
  FROM gate
  CROSS JOIN sms_turns t
  LEFT JOIN messages m ON m.id = t.message_id
  WHERE t.message_id IS NOT NULL AND t.requested_at IS NULL AND t.due_at <= @now
  UNION ALL
  SELECT m.user_id, m.id, m.sms_error_at, m.created_at
  FROM gate
  JOIN messages m ON m.created_at >= gate.sends_from
  LEFT JOIN sms_turns t ON t.user_id = m.user_id
  WHERE m.direction = 'outbound' AND m.status = 'pending' AND (m.sms_not_before IS NULL OR m.sms_not_before <= @now)
    AND t.message_id IS NULL AND (t.last_sent_at IS NULL OR t.last_sent_at <= @sentBefore OR same_sequence(t.last_sent_id, m.id))
), probe AS (
  SELECT user_id, message_id FROM candidate ORDER BY sms_error_at NULLS FIRST, created_at, message_id LIMIT 1
), claimed AS (
  INSERT INTO sms_turns AS t (user_id, message_id, claim, due_at)
  SELECT user_id, message_id, @claim, @leaseEnd FROM probe
  ON CONFLICT (user_id) DO UPDATE SET message_id = excluded.message_id, claim = excluded.claim, due_at = excluded.due_at
  WHERE t.message_id IS NULL AND (t.last_sent_at IS NULL OR t.last_sent_at <= @sentBefore OR same_sequence(t.last_sent_id, excluded.message_id))
    OR t.message_id = excluded.message_id AND t.requested_at IS NULL AND t.due_at <= @now
  RETURNING t.user_id
), paced AS (
  UPDATE sms_gate g SET free_at = greatest(g.free_at, @now - interval '100 milliseconds') + interval '1 second' / @perSecond, stopped_until = @leaseEnd
  WHERE EXISTS (SELECT FROM claimed)
)
SELECT user_id::text FROM claimed
