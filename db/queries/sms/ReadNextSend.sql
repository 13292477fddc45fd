-- When there is something to send or to ask the provider about next, as far as is known now; null: nothing waits. As long as the gate
-- is shut it is enough to know that something waits.
WITH gate AS MATERIALIZED (
  SELECT greatest(g.free_at, g.stopped_until) AS opens_at FROM sms_gate g
), to_ask AS (
  SELECT min(t.due_at) AS at FROM sms_turns t WHERE t.message_id IS NOT NULL AND t.requested_at IS NOT NULL
), to_send AS (
  SELECT min(t.due_at) AS at FROM sms_turns t WHERE t.message_id IS NOT NULL AND t.requested_at IS NULL
  UNION ALL
  SELECT min(greatest(m.created_at, m.sms_not_before,
    CASE WHEN NOT same_sequence(t.last_sent_id, m.id) THEN t.last_sent_at + @cooldownSeconds * interval '1 second' END))
  FROM messages m
  LEFT JOIN sms_turns t ON t.user_id = m.user_id
  WHERE (SELECT gate.opens_at <= @now FROM gate)
    AND m.direction = 'outbound' AND m.status = 'pending' AND m.created_at >= (SELECT sends_from FROM sms_gate) AND t.message_id IS NULL
  UNION ALL
  SELECT gate.opens_at FROM gate
  WHERE gate.opens_at > @now AND EXISTS (
    SELECT FROM messages m
    WHERE m.direction = 'outbound' AND m.status = 'pending' AND m.created_at >= (SELECT sends_from FROM sms_gate))
), next AS (
  SELECT at FROM to_ask
  UNION ALL
  SELECT greatest(to_send.at, gate.opens_at) FROM to_send, gate WHERE to_send.at IS NOT NULL
)
SELECT plain_time(min(next.at)) AS at FROM next
