-- Claims the given messages as ClaimDueMessages does: the parts of a batch that failed as a whole are tried by themselves.
WITH due AS MATERIALIZED (
  SELECT taken.*
  FROM unnest(@ids::uuid[]) AS wanted (id)
  CROSS JOIN LATERAL (
    SELECT w.* FROM queue_messages w
    WHERE w.id = wanted.id AND w.status || '' = 'queued' AND (w.scheduled_for <= @now OR w.stands_in_line)
    LIMIT 1
    FOR UPDATE SKIP LOCKED
  ) AS taken
), locked AS MATERIALIZED (
  SELECT taken.id
  FROM (SELECT DISTINCT due.user_id FROM due) AS wanted
  CROSS JOIN LATERAL (SELECT u.id FROM users u WHERE u.id = wanted.user_id FOR NO KEY UPDATE SKIP LOCKED) AS taken
)
SELECT due.id, due.user_id::text, due.priority, due.created_at, plain_time(due.scheduled_for) AS scheduled_for, due.not_before, due.expires_at, due.can_delay,
  due.best_at, due.conversation_context_id::text AS conversation_id, due.reason, due.requires_fresh_context, due.has_content, due.has_brief, due.sequence_id,
  due.user_id IN (SELECT locked.id FROM locked) AS user_is_locked
FROM due
