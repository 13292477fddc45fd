-- A message as the rules see it, whatever has become of it, after LockUser: a new statement, so it sees what a dispatch has done before. A time
-- that was asked for and that no rule has touched yet still stands in scheduled_for.
SELECT q.id, q.user_id::text, q.status, q.priority, plain_time(coalesce(q.created_at, q.scheduled_for)) AS created_at,
  plain_time(q.scheduled_for) AS scheduled_for,
  plain_time(coalesce(q.not_before, CASE WHEN q.reason IS NULL THEN q.scheduled_for END)) AS not_before,
  plain_time(q.expires_at) AS expires_at, plain_time(q.best_at) AS best_at, q.can_delay, q.conversation_context_id::text AS conversation_id, q.reason,
  coalesce(q.requires_fresh_context, false) AS requires_fresh_context,
  text_to_send(q.final_message, q.message_data) IS NOT NULL AS has_content, message_brief(q.message_data) IS NOT NULL AS has_brief,
  q.sequence_id, q.sequence_position, q.sequence_total
FROM message_queue q
WHERE q.id = @id
