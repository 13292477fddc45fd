-- The traces of those messages that have one.
SELECT t.message_id, t.traceparent FROM message_traces t WHERE t.message_id = ANY (@ids)
