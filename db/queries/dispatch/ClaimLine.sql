-- Claims, as ClaimDueMessages does, what waits until a hand of the model is free: before its time, because there is one now. Best lane first, and
-- in a lane whoever was queued first.
WITH due AS MATERIALIZED (
  SELECT claimed.*
  FROM (VALUES ('urgent', 0), ('high', 1), ('medium', 2), ('low', 3)) AS lanes (name, position)
  CROSS JOIN LATERAL (
    SELECT w.*
    FROM waiting_messages w
    WHERE w.priority = lanes.name AND w.leads AND w.stands_in_line AND w.user_id <> ALL (@skippedUsers::text[]::external_id[])
    ORDER BY w.created_at
    LIMIT @limit
    FOR UPDATE SKIP LOCKED
  ) AS claimed
  ORDER BY lanes.position, claimed.created_at
  LIMIT @limit
), locked AS MATERIALIZED (
  SELECT taken.id
  FROM (SELECT DISTINCT due.user_id FROM due) AS wanted
  CROSS JOIN LATERAL (SELECT u.id FROM users u WHERE u.id = wanted.user_id FOR NO KEY UPDATE SKIP LOCKED) AS taken
)
SELECT due.id, due.user_id::text, due.priority, due.created_at, plain_time(due.scheduled_for) AS scheduled_for, due.not_before, due.expires_at, due.can_delay,
  due.best_at, due.conversation_context_id::text AS conversation_id, due.reason, due.requires_fresh_context, due.has_content, due.has_brief, due.sequence_id,
  due.user_id IN (SELECT locked.id FROM locked) AS user_is_locked
FROM due
