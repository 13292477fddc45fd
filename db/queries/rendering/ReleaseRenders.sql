-- Gives claims back: the messages are due again at once, or when somebody has rescheduled them to meanwhile.
UPDATE message_queue q
SET scheduled_for = CASE WHEN q.scheduled_for = q.render_until THEN @now ELSE q.scheduled_for END, render_claim = NULL, render_until = NULL
FROM unnest(@ids::uuid[], @claims::uuid[]) AS r (id, claim)
WHERE q.id = r.id AND q.status = 'queued' AND q.render_claim = r.claim
