-- The message that was to be tried has made no request, or one whose answer says nothing of the fault: the next one may be tried.
UPDATE sms_gate g SET stopped_until = @now WHERE g.stopped_at IS NOT NULL AND g.stopped_until = @leaseEnd
