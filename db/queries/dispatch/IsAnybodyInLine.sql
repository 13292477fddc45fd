-- Whether anything waits until a hand of the model is free.
SELECT EXISTS (SELECT FROM message_queue q WHERE q.status = 'queued' AND q.render_claim IS NULL AND q.scheduled_for = q.render_until)
