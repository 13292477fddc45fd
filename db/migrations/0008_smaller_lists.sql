-- What keeps the cost of a message the same, however many there are and have been: lists again, for less. A waiting message is in one small
-- index for them, and enters those of the finished when it leaves the queue. What waits for one user is found by message_queue_waiting_idx.
-- Nothing is dropped here: an instance of the version before still reads the old ones while these are built, and only writes wait.
CREATE INDEX message_queue_listed_idx ON message_queue (queued_at(created_at), id) WHERE status = 'queued';
CREATE INDEX message_queue_finished_idx ON message_queue (status, queued_at(created_at), id) WHERE status <> 'queued';
CREATE INDEX message_queue_finished_of_user_idx ON message_queue (user_id, queued_at(created_at), id) WHERE status <> 'queued';

-- What is pruned, oldest first. Rows that another program finished say no finished_at, are not in it, and are never pruned.
CREATE INDEX message_queue_finished_at_idx ON message_queue (finished_at, id) WHERE finished_at IS NOT NULL;
-- Which messages name one that is to be deleted: an adopted table has a foreign key, and nothing to look it up by.
CREATE INDEX message_queue_superseded_by_idx ON message_queue (superseded_by_message_id) WHERE superseded_by_message_id IS NOT NULL;
