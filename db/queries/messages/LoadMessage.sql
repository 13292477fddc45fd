-- One message, with what it says, and whether anything is sent at present.
SELECT s.id, s.user_id::text, s.agent_id, s.conversation_id::text, s.priority, s.topic, s.status, s.reason,
  coalesce(s.sequence_key, s.sequence_id::text) AS sequence_id, s.sequence_position, s.sequence_total,
  s.listed_at, s.created_at, s.scheduled_for, s.not_before, s.expires_at, s.finished_at, s.can_delay, s.requires_fresh_context, s.superseded_by_message_id,
  s.sms_status, s.sms_sid, s.sms_attempts, s.sms_error, s.sms_error_at, s.sms_sent_at, s.sms_delivered_at,
  q.message_data::text, nullif(q.final_message, '') AS final_message, g.stopped_by AS sending_stopped_by
FROM message_states s
JOIN message_queue q ON q.id = s.id
CROSS JOIN sms_gate g
WHERE s.id = @id
