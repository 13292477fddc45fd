-- Claims due messages, best lane and earliest first, and locks their users: the one row that serialises a user. What another
-- dispatcher holds is skipped, never waited for, so dispatchers cannot block or deadlock one another. The lanes are probed
-- one by one because an index on (priority, scheduled_for) then yields each lane's due rows in order and nothing else.
-- Of a sequence the message that leads is claimed; LockSequences takes the others.
WITH due AS MATERIALIZED (
  SELECT claimed.*
  FROM (VALUES ('urgent', 0), ('high', 1), ('medium', 2), ('low', 3)) AS lanes (name, position)
  CROSS JOIN LATERAL (
    SELECT w.*
    FROM waiting_messages w
    WHERE w.priority = lanes.name AND w.leads AND w.scheduled_for <= @now AND w.scheduled_for >= (@From::timestamptz[])[lanes.position + 1]
      AND (cardinality(@SkippedUsers::text[]) = 0 OR w.user_id <> ALL (@SkippedUsers::text[]::external_id[]))
    ORDER BY w.scheduled_for
    LIMIT @limit
    FOR UPDATE SKIP LOCKED
  ) AS claimed
  ORDER BY lanes.position, claimed.scheduled_for
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
