-- The old indexes of lists go when the new ones are there. That takes the table for a moment, and nothing else is done in it: a busy one is not
-- waited for long, and is tried again.
SET LOCAL lock_timeout = '2s';
DROP INDEX IF EXISTS message_queue_user_idx, message_queue_status_idx;
