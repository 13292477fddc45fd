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
