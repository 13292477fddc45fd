-- The provider has answered, if only to refuse: what had no answer before was not the last in a row.
UPDATE sms_gate g SET unanswered = 0 WHERE g.stopped_at IS NULL AND g.unanswered > 0
