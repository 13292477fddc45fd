-- Which trace a message belongs to, for the steps that come later, in other transactions and processes. Written only for messages queued in
-- a trace that is recorded; a table of its own, so that to queue, claim and deliver messages costs nothing more where there are none.

CREATE TABLE message_traces (
  message_id uuid PRIMARY KEY,
  traceparent text NOT NULL CHECK (length(traceparent) = 55)
);

COMMENT ON TABLE message_traces IS 'The trace of each message that was queued in one; rows may be deleted at any time';
COMMENT ON COLUMN message_traces.traceparent IS 'Trace and span of the request that queued it, as W3C Trace Context writes them';

ALTER TABLE message_traces ENABLE ROW LEVEL SECURITY;
