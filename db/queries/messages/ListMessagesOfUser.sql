-- A page of one user's messages, newest first, behind the last one of the page before. All that waits for the user is looked at, which is
-- little; of what is finished no more than a page.
SELECT s.id, s.user_id::text, s.agent_id, s.conversation_id::text, s.priority, s.topic, s.status, s.reason,
  coalesce(s.sequence_key, s.sequence_id::text) AS sequence_id, s.sequence_position, s.sequence_total,
  s.listed_at, s.created_at, s.scheduled_for, s.not_before, s.expires_at, s.finished_at, s.can_delay, s.requires_fresh_context, s.superseded_by_message_id,
  s.sms_status, s.sms_sid, s.sms_attempts, s.sms_error, s.sms_error_at, s.sms_sent_at, s.sms_delivered_at
FROM (
  SELECT head.id
  FROM (
    (SELECT q.id, queued_at(q.created_at) AS listed_at FROM message_queue q
     WHERE q.user_id = @userId::external_id AND q.status = 'queued' AND (queued_at(q.created_at), q.id) < (@at::timestamptz, @after::uuid)
       AND (@status::text IS NULL OR q.status = @status) AND (@topic::text IS NULL OR q.topic = @topic)
     ORDER BY queued_at(q.created_at) DESC, q.id DESC
     LIMIT @limit)
    UNION ALL
    (SELECT q.id, queued_at(q.created_at) AS listed_at FROM message_queue q
     WHERE q.user_id = @userId::external_id AND q.status <> 'queued' AND (queued_at(q.created_at), q.id) < (@at::timestamptz, @after::uuid)
       AND (@status::text IS NULL OR q.status = @status) AND (@topic::text IS NULL OR q.topic = @topic)
     ORDER BY queued_at(q.created_at) DESC, q.id DESC
     LIMIT @limit)
  ) AS head
  ORDER BY head.listed_at DESC, head.id DESC
  LIMIT @limit
) AS page
JOIN message_states s ON s.id = page.id
ORDER BY s.listed_at DESC, s.id DESC
