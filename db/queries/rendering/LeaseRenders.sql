-- Puts messages whose turn has come aside until the model has seen them, with the claim of the instance that asks it; or, without a
-- claim, in the line of those that wait until somebody can ask it. When the time has come and nothing was recorded, whoever finds them begins anew.
-- The rows are found by id: a status compared as it is would invite a walk through all that waits.
UPDATE message_queue q
SET scheduled_for = r.until, render_until = r.until, render_claim = r.claim, reason = 'rendering',
  not_before = coalesce(q.not_before, CASE WHEN q.reason IS NULL THEN q.scheduled_for END)
FROM unnest(@ids::uuid[], @untils::timestamptz[], @claims::uuid[]) AS r (id, until, claim)
WHERE q.id = r.id AND q.status || '' = 'queued'
