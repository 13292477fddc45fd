-- The keys of messages that are pruned. A migration of its own: who stores a message writes its key first, and would meet one that holds the
-- locks of both tables in the other order.
CREATE INDEX idempotency_keys_message_idx ON idempotency_keys (message_id);
