-- The provider wants fewer requests: nobody makes one before that time.
UPDATE sms_gate g SET free_at = greatest(g.free_at, @until)
