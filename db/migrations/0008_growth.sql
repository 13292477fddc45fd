-- What keeps the cost of a message the same, however many there are and have been.

-- Lists again, for less: a waiting message is in one small index for them, and enters those of the finished when it leaves the queue. What
-- waits for one user is found by message_queue_waiting_idx.
DROP INDEX message_queue_user_idx, message_queue_status_idx;
CREATE INDEX message_queue_listed_idx ON message_queue (queued_at(created_at), id) WHERE status = 'queued';
CREATE INDEX message_queue_finished_idx ON message_queue (status, queued_at(created_at), id) WHERE status <> 'queued';
CREATE INDEX message_queue_finished_of_user_idx ON message_queue (user_id, queued_at(created_at), id) WHERE status <> 'queued';

-- What is pruned, oldest first. Rows that another program finished say no finished_at, are not in it, and are never pruned.
CREATE INDEX message_queue_finished_at_idx ON message_queue (finished_at) WHERE finished_at IS NOT NULL;
CREATE INDEX idempotency_keys_message_idx ON idempotency_keys (message_id);

-- Autovacuum waits for a fifth of a table to be dead: of ten million messages two million, each of which a claim may have to step over at
-- the head of its index. So it comes after a hundredth, and statistics are taken as often; a table that holds a few rows, each written
-- many times a second, is cleaned at every look.
ALTER TABLE message_queue SET (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 10000,
  autovacuum_vacuum_insert_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.02, autovacuum_analyze_threshold = 10000);
ALTER TABLE user_message_budget SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 10000);
ALTER TABLE idempotency_keys SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 10000);
ALTER TABLE sms_turns SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 10000);
ALTER TABLE dispatchers SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 100);
ALTER TABLE sms_gate SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 100);
