-- Adds what an instance has done to its own row, after the transaction that did it.
INSERT INTO dispatchers AS d (id, started_at, last_pass_at, delivered, deferred, expired, failed)
VALUES (@instance, @now, @now, @delivered, @deferred, @expired, @failed)
ON CONFLICT (id) DO UPDATE
SET last_pass_at = greatest(d.last_pass_at, @now), delivered = d.delivered + @delivered, deferred = d.deferred + @deferred,
  expired = d.expired + @expired, failed = d.failed + @failed
