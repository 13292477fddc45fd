-- After a fault that shows only when the provider has taken a message: none has shown for a while, so it is gone. Where messages that
-- never met it were taken meanwhile, these have got through.
UPDATE sms_gate g
SET stopped_at = NULL, stopped_until = NULL, stopped_by = NULL, stops = 0, opens_on_delivery = false, taken_at = NULL,
  resumed_at = CASE WHEN EXISTS (
    SELECT FROM sms_turns t JOIN messages m ON m.id = t.last_sent_id
    WHERE t.last_sent_at >= g.stopped_at AND m.status IN ('sent', 'delivered') AND m.sms_error IS NULL) THEN @now ELSE g.resumed_at END
WHERE g.stopped_at IS NOT NULL AND g.taken_at <= @takenBefore
