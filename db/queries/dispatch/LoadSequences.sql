-- Sequences whole and in order, also what has left the queue, after LockSequences: a new statement, so it sees all that was committed before.
SELECT members.*
FROM unnest(@userIds::text[], @sequenceIds::uuid[]) AS wanted (user_id, sequence_id)
CROSS JOIN LATERAL (
  SELECT s.id, s.user_id::text, s.status, s.priority, s.scheduled_for, s.created_at, s.not_before, s.expires_at, s.best_at, s.can_delay,
    s.conversation_context_id::text AS conversation_id, s.reason, s.requires_fresh_context, s.has_content, s.has_brief, s.sequence_id,
    s.sequence_position, s.sequence_total
  FROM sequence_messages s
  WHERE s.sequence_id = wanted.sequence_id AND s.user_id = wanted.user_id::external_id
) AS members
ORDER BY members.sequence_position NULLS LAST, members.created_at, members.id
