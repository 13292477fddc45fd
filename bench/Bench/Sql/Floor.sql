-- What the database itself needs for a batch: one statement that claims, stores the pending rows, counts the budget and marks the
-- queue rows. No rules, no users, no trail, nothing read back: no dispatcher can be faster.
WITH due AS MATERIALIZED (
  SELECT claimed.*
  FROM (VALUES ('urgent'), ('high'), ('medium'), ('low')) AS lanes (name)
  CROSS JOIN LATERAL (
    SELECT q.id, q.user_id, q.message_data, q.conversation_context_id
    FROM message_queue q
    WHERE q.status = 'queued' AND q.priority = lanes.name AND q.scheduled_for <= @now
    ORDER BY q.scheduled_for
    LIMIT @limit
    FOR UPDATE SKIP LOCKED
  ) AS claimed
  LIMIT @limit
), stored AS (
  INSERT INTO messages (id, conversation_id, user_id, role, content, direction, status, created_at)
  SELECT id, conversation_context_id, user_id, 'concierge', message_data ->> 'content', 'outbound', 'pending', @now
  FROM due
), counted AS (
  INSERT INTO user_message_budget AS b (user_id, date, messages_sent, last_message_at)
  SELECT user_id, @date::date, 1, @now
  FROM due
  ON CONFLICT (user_id, date) DO UPDATE SET messages_sent = b.messages_sent + 1, last_message_at = @now
)
UPDATE message_queue q
SET status = 'sent', sent_at = @now, finished_at = @now, delivered_message_id = q.id
FROM due
WHERE q.id = due.id
