-- A message that was claimed within the rate has made no request: another one may. A pause that the provider has asked for stays as it is.
UPDATE sms_gate g SET free_at = g.free_at - interval '1 second' / @perSecond WHERE g.free_at <= @now + interval '2 seconds'
