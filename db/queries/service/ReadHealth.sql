-- The figures of /health, from the database, so that every instance gives the same answer. Waiting messages are counted only up
-- to a bound; above it the planner's estimate serves, because counting millions of rows would cost more than a dispatch.
SELECT
  (SELECT count(*) FROM (SELECT FROM message_queue q WHERE q.status = 'queued' LIMIT @countUpTo) AS counted) AS messages_counted,
  (SELECT greatest(c.reltuples, 0)::bigint FROM pg_class c WHERE c.oid = 'message_queue_due_idx'::regclass) AS messages_estimated,
  (SELECT coalesce(sum(d.delivered + d.expired + d.failed), 0)::bigint FROM dispatchers d) AS messages_processed,
  (SELECT max(d.last_pass_at) FROM dispatchers d) AS last_process_time,
  (SELECT count(*) FROM (SELECT FROM messages m WHERE m.direction = 'outbound' AND m.status = 'pending' LIMIT @countUpTo) AS counted) AS messages_pending,
  s.calls AS model_calls, s.cost_usd AS model_cost_usd,
  g.stopped_at AS sending_stopped_at, g.stopped_by AS sending_stopped_by, g.free_at AS sending_free_at,
  clock_timestamp() AS now
FROM sms_gate g
LEFT JOIN model_spending s ON s.day = (clock_timestamp() AT TIME ZONE 'UTC')::date
