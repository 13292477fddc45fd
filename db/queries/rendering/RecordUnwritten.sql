-- The model has failed for good, and there is no text: the message, which LockRenders holds, fails.
UPDATE message_queue q
SET status = 'failed', reason = 'not_rendered', finished_at = @now, render_claim = NULL
WHERE q.id = @id
