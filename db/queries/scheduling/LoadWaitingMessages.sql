-- The messages of each user that go before new ones, down to the worst lane of these, to tell the slots that are left for them. Of a user
-- known by equality the order would be that of the times alone, which indexes of other programs may have, too.
SELECT waiting.*
FROM unnest(@userIds::text[], @worstLanes::text[]) AS wanted (id, worst_lane)
CROSS JOIN LATERAL (
  SELECT w.id, w.user_id::text, w.priority, w.created_at, plain_time(w.scheduled_for) AS scheduled_for, w.not_before, w.expires_at, w.can_delay,
    w.best_at, w.conversation_context_id::text AS conversation_id, w.reason, w.requires_fresh_context, w.has_content, w.sequence_id, w.topic, w.is_leased, w.stands_in_line
  FROM waiting_messages w
  WHERE w.user_id BETWEEN wanted.id::external_id AND wanted.id::external_id
    AND array_position(ARRAY['urgent', 'high', 'medium', 'low'], w.priority::text)
      <= array_position(ARRAY['urgent', 'high', 'medium', 'low'], wanted.worst_lane)
  ORDER BY w.user_id, w.scheduled_for
  LIMIT @limit
) AS waiting
