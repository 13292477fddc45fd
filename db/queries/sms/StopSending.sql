-- Nothing is sent by any instance until that time; then one message is tried. Faults of requests that were under way together count once.
UPDATE sms_gate g
SET stopped_at = coalesce(g.stopped_at, @now), stopped_by = @code, stops = greatest(g.stops, @stops + 1), stopped_until = @until, taken_at = NULL,
  opens_on_delivery = CASE WHEN g.stopped_at IS NULL THEN @opensOnDelivery ELSE g.opens_on_delivery OR @opensOnDelivery END
