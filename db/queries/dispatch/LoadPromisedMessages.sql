-- What waits for the users of a batch and may go before some of it: what was promised a slot within the day keeps it, and what a model
-- is at takes the present one, until its lease ends. No rule looks further ahead than a day. Found as LoadWaitingMessages does.
SELECT promised.*
FROM unnest(@userIds::text[], @worstLanes::text[]) AS wanted (id, worst_lane)
CROSS JOIN LATERAL (
  SELECT w.id, w.user_id::text, w.priority, w.created_at, plain_time(w.scheduled_for) AS scheduled_for, w.not_before, w.expires_at,
    w.can_delay, w.best_at, w.conversation_context_id::text AS conversation_id, w.reason, w.requires_fresh_context, w.has_content, w.has_brief,
    w.sequence_id, w.is_leased, w.stands_in_line
  FROM waiting_messages w
  WHERE w.user_id BETWEEN wanted.id::external_id AND wanted.id::external_id
    AND w.scheduled_for > @now AND w.scheduled_for <= @dayEnd
    AND array_position(ARRAY['urgent', 'high', 'medium', 'low'], w.priority::text)
      <= array_position(ARRAY['urgent', 'high', 'medium', 'low'], wanted.worst_lane)
  ORDER BY w.user_id, w.scheduled_for
  LIMIT @limit
) AS promised
