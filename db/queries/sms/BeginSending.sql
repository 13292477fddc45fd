-- The first time that this service sends: what is pending until now is left to whoever sent before.
UPDATE sms_gate SET sends_from = @now WHERE sends_from = 'infinity'
