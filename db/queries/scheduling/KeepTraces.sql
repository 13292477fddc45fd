-- Keeps the traces of the requests that queued messages, in the round trip and the transaction that stores them.
INSERT INTO message_traces (message_id, traceparent)
SELECT q.id, kept.traceparent
FROM unnest(@ids::uuid[], @traceparents::text[]) AS kept (id, traceparent)
CROSS JOIN LATERAL (SELECT q.id FROM message_queue q WHERE q.id = kept.id LIMIT 1) AS q
WHERE kept.traceparent IS NOT NULL
