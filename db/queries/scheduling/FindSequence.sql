-- What has arrived of the sequence that an agent calls by this name, in order.
SELECT s.id, s.user_id::text, s.status, s.priority, s.scheduled_for, s.created_at, s.not_before, s.expires_at, s.best_at, s.can_delay,
  s.conversation_context_id::text AS conversation_id, s.reason, s.requires_fresh_context, s.has_content, s.sequence_id,
  s.sequence_position, s.sequence_total
FROM sequence_messages s
WHERE s.user_id = @userId::external_id AND s.agent_id = @agentId AND s.sequence_key = @sequenceKey
ORDER BY s.sequence_position
