-- What waits for the users of a batch and has a slot soon: what goes before the batch's messages keeps it. What a model is at is among them;
-- it has passed every rule, so that its user's present slot is taken until its lease ends. Found as LoadWaitingMessages does.
SELECT promised.*
FROM unnest(@userIds::text[]) AS wanted (id)
CROSS JOIN LATERAL (
  SELECT w.id, w.user_id::text, w.priority, w.created_at, plain_time(w.scheduled_for) AS scheduled_for, w.not_before, w.expires_at,
    w.can_delay, w.best_at, w.conversation_context_id::text AS conversation_id, w.reason, w.requires_fresh_context, w.has_content, w.has_brief,
    w.sequence_id, w.is_leased, w.stands_in_line
  FROM waiting_messages w
  WHERE w.user_id BETWEEN wanted.id::external_id AND wanted.id::external_id AND w.scheduled_for > @now AND w.scheduled_for <= @soon
  ORDER BY w.user_id, w.scheduled_for
  LIMIT @limit
) AS promised
