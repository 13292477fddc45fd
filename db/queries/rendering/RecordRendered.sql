-- The model has judged the message, or written it: it is due again, to be decided with what is known now. Where somebody else has taken it
-- over, changed it or called it off meanwhile, nothing happens.
UPDATE message_queue q
SET final_message = coalesce(@text::text, q.final_message), judged_at = coalesce(@judgedAt::timestamptz, q.judged_at),
  render_claim = NULL, render_attempts = 0, scheduled_for = @now
WHERE q.id = @id AND q.status = 'queued' AND q.render_claim = @claim
