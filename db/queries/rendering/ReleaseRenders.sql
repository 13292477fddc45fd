-- Gives claims back that nobody works on any more: the messages are due again at once.
UPDATE message_queue q SET scheduled_for = @now, render_claim = NULL
WHERE q.id = ANY (@ids) AND q.status = 'queued' AND q.render_claim = @claim
