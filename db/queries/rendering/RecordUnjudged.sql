-- The model has failed for good: messages that LockRenders holds go out as they are. Nothing that the user has written so far brings
-- them before it again; earlier words of the model's were for another light.
UPDATE message_queue q
SET judged_at = @judgedAt, render_attempts = q.render_attempts + 1,
  final_message = CASE WHEN message_text(q.message_data) IS NULL THEN q.final_message END
WHERE q.id = ANY (@ids)
