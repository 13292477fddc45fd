-- The model gave nothing that may be used, or is left alone for a while: messages that LockRenders holds wait for it. Only those that it failed
-- for count an attempt; what somebody has rescheduled meanwhile stays where it is.
UPDATE message_queue q
SET scheduled_for = CASE WHEN q.scheduled_for = q.render_until THEN least(@until, q.expires_at) ELSE q.scheduled_for END,
  reason = 'model_unavailable', render_claim = NULL, render_until = NULL,
  render_attempts = q.render_attempts + (q.id = ANY (@failed))::integer
WHERE q.id = ANY (@ids)
