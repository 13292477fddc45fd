-- Keeps the first answer of a key; whoever asks again gets it, also when the first caller never did.
UPDATE idempotency_keys SET answer = coalesce(answer, @answer::text) WHERE key = @key AND message_id = @messageId
