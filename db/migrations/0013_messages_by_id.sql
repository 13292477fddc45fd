-- A view that somebody is reading is not waited for long, and is tried again.
SET LOCAL lock_timeout = '2s';

-- A message of the queue as the rules see it, whatever its status: one that is known by its id is found by it. The condition of
-- waiting_messages would let the planner take any index of what waits for it, and read that from end to end.
CREATE VIEW queue_messages WITH (security_invoker = true) AS
  SELECT q.id, q.user_id, q.priority, q.scheduled_for, plain_time(coalesce(q.created_at, q.scheduled_for)) AS created_at,
    plain_time(q.not_before) AS not_before, plain_time(q.expires_at) AS expires_at, plain_time(q.best_at) AS best_at,
    q.can_delay, q.conversation_context_id, q.reason, coalesce(q.requires_fresh_context, false) AS requires_fresh_context,
    text_to_send(q.final_message, q.message_data) IS NOT NULL AS has_content,
    q.sequence_id, q.topic,
    q.sequence_id IS NULL OR NOT EXISTS (
      SELECT FROM message_queue o
      WHERE o.sequence_id = q.sequence_id AND o.user_id = q.user_id AND o.status || '' = 'queued' AND o.id < q.id) AS leads,
    message_brief(q.message_data) IS NOT NULL AS has_brief,
    q.render_claim IS NOT NULL AND q.scheduled_for = q.render_until AS is_leased,
    q.render_claim IS NULL AND q.scheduled_for = q.render_until AS stands_in_line,
    q.status
  FROM message_queue q;

-- As before. Whoever reads it needs the right to read the other view, too.
CREATE OR REPLACE VIEW waiting_messages WITH (security_invoker = true) AS
  SELECT id, user_id, priority, scheduled_for, created_at, not_before, expires_at, best_at, can_delay, conversation_context_id, reason,
    requires_fresh_context, has_content, sequence_id, topic, leads, has_brief, is_leased, stands_in_line
  FROM queue_messages
  WHERE status = 'queued';
