-- A table that somebody is writing to is not waited for long, and is tried again.
SET LOCAL lock_timeout = '2s';

-- What a model is at is now found with everything else that has a slot: by its user.
DROP INDEX message_queue_leased_idx;
