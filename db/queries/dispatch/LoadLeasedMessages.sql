-- What a model is at for the users of a batch: it has passed every rule, so that its user's present slot is taken until its lease ends.
-- The time is no column to search by: what a model is at has an index of its own, mostly empty, and the user's other messages are left alone.
SELECT leased.*
FROM unnest(@userIds::text[]) AS wanted (id)
CROSS JOIN LATERAL (
  SELECT w.id, w.user_id::text, w.priority, w.created_at, plain_time(w.scheduled_for) AS scheduled_for, w.not_before, w.expires_at,
    w.can_delay, w.best_at, w.conversation_context_id::text AS conversation_id, w.reason, w.requires_fresh_context, w.has_content, w.has_brief,
    w.sequence_id, w.is_leased, w.stands_in_line
  FROM waiting_messages w
  WHERE w.user_id = wanted.id::external_id AND w.is_leased AND w.scheduled_for + interval '0' > @now
) AS leased
