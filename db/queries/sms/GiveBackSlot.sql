-- A message that was claimed within the rate has made no request: another one may.
UPDATE sms_gate g SET free_at = g.free_at - interval '1 second' / @perSecond
