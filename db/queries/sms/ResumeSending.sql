-- After a fault that shows only when the provider has taken a message: none has shown for a while, so it is gone.
UPDATE sms_gate g
SET stopped_at = NULL, stopped_until = NULL, stopped_by = NULL, stops = 0, opens_on_delivery = false, taken_at = NULL, resumed_at = @now
WHERE g.stopped_at IS NOT NULL AND g.taken_at <= @takenBefore
