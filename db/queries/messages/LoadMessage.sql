-- One message, with what it says, whether anything is sent at present, and when its SMS is looked at next where that waits for something.
SELECT s.id, s.user_id::text, s.agent_id, s.conversation_id::text, s.priority, s.topic, s.status, s.reason,
  coalesce(s.sequence_key, s.sequence_id::text) AS sequence_id, s.sequence_position, s.sequence_total,
  s.listed_at, s.created_at, s.scheduled_for, s.not_before, s.expires_at, s.finished_at, s.can_delay, s.requires_fresh_context, s.superseded_by_message_id,
  s.sms_status, s.sms_sid, s.sms_attempts, s.sms_error, s.sms_error_at, s.sms_sent_at, s.sms_delivered_at,
  q.message_data::text, nullif(q.final_message, '') AS final_message, g.stopped_by AS sending_stopped_by,
  coalesce(m.created_at < g.sends_from, false) AS is_left_to_others,
  plain_time(CASE WHEN m.status IN ('pending', 'sending') AND (m.sms_error IS NOT NULL OR t.requested_at IS NOT NULL)
    THEN greatest(t.due_at, m.sms_not_before) END) AS sms_next_look_at
FROM message_states s
JOIN message_queue q ON q.id = s.id
LEFT JOIN messages m ON m.id = q.delivered_message_id
LEFT JOIN sms_turns t ON t.user_id = m.user_id AND t.message_id = m.id
CROSS JOIN sms_gate g
WHERE s.id = @id
