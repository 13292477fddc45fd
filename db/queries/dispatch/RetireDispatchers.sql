-- Adds the rows of instances that have been gone for a day to one row that stands for them all, so that the table stays small.
WITH gone AS (
  DELETE FROM dispatchers
  WHERE last_pass_at < clock_timestamp() - interval '1 day' AND id <> '00000000-0000-0000-0000-000000000000'
  RETURNING started_at, last_pass_at, delivered, deferred, expired, failed
)
INSERT INTO dispatchers AS d (id, started_at, last_pass_at, delivered, deferred, expired, failed)
SELECT '00000000-0000-0000-0000-000000000000', min(started_at), max(last_pass_at), sum(delivered), sum(deferred), sum(expired), sum(failed)
FROM gone
HAVING count(*) > 0
ON CONFLICT (id) DO UPDATE
SET last_pass_at = greatest(d.last_pass_at, excluded.last_pass_at), delivered = d.delivered + excluded.delivered,
  deferred = d.deferred + excluded.deferred, expired = d.expired + excluded.expired, failed = d.failed + excluded.failed
