-- Ends the run of a first request with the answer it is about to give, unless it has taken so long that others were given the one
-- kept so far: the first answer is everybody's.
UPDATE idempotency_keys k
SET answer = CASE WHEN k.running_until > @now THEN @answer ELSE k.answer END, running_until = least(k.running_until, @now)
WHERE k.key = @key AND k.message_id = @messageId
RETURNING k.answer
