-- A page of the messages of some statuses, newest first, behind the last one of the page before: what is queued meanwhile moves nothing. The
-- waiting are probed by an index of theirs, the other statuses one by one by that on (status, time, id): each yields a status in order, and
-- no more than a page of it is read.
SELECT s.id, s.user_id::text, s.agent_id, s.conversation_id::text, s.priority, s.topic, s.status, s.reason,
  coalesce(s.sequence_key, s.sequence_id::text) AS sequence_id, s.sequence_position, s.sequence_total,
  s.listed_at, s.created_at, s.scheduled_for, s.not_before, s.expires_at, s.finished_at, s.can_delay, s.requires_fresh_context, s.superseded_by_message_id,
  s.sms_status, s.sms_sid, s.sms_attempts, s.sms_error, s.sms_error_at, s.sms_sent_at, s.sms_delivered_at
FROM (
  SELECT head.id
  FROM (
    (SELECT q.id, queued_at(q.created_at) AS listed_at FROM message_queue q
     WHERE q.status = 'queued' AND 'queued' = ANY (@statuses::text[]) AND (queued_at(q.created_at), q.id) < (@at::timestamptz, @after::uuid)
     ORDER BY queued_at(q.created_at) DESC, q.id DESC
     LIMIT @limit)
    UNION ALL
    SELECT finished.id, finished.listed_at
    FROM unnest(@statuses::text[]) AS wanted (status)
    CROSS JOIN LATERAL (
      SELECT q.id, queued_at(q.created_at) AS listed_at FROM message_queue q
      WHERE q.status = wanted.status AND q.status <> 'queued' AND (queued_at(q.created_at), q.id) < (@at::timestamptz, @after::uuid)
      ORDER BY queued_at(q.created_at) DESC, q.id DESC
      LIMIT @limit
    ) AS finished
  ) AS head
  ORDER BY head.listed_at DESC, head.id DESC
  LIMIT @limit
) AS page
JOIN message_states s ON s.id = page.id
ORDER BY s.listed_at DESC, s.id DESC
