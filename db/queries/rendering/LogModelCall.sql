-- One call to the model: what it was for, what came of it, what it took. A row of the message's trail, and a part of the day's sum. It is
-- written whatever becomes of the message: the call is paid for.
WITH spent AS (
  INSERT INTO model_spending AS s (day, calls, cost_usd)
  VALUES ((@now AT TIME ZONE 'UTC')::date, 1, coalesce(@costUsd::numeric, 0))
  ON CONFLICT (day) DO UPDATE SET calls = s.calls + 1, cost_usd = s.cost_usd + excluded.cost_usd
)
INSERT INTO agent_actions_log (agent_type, action_type, user_id, context_id, context_type, model_used, input_tokens, output_tokens, cost_usd,
  latency_ms, output_data, error, created_at)
SELECT 'message_orchestrator', @action, (SELECT u.id FROM users u WHERE u.id = @userId::external_id), @messageId, 'message_queue', @model,
  @inputTokens::int, @outputTokens::int, @costUsd::numeric, @latencyMs::int,
  jsonb_strip_nulls(jsonb_build_object('code', @code::text, 'reason', @reason::text, 'cached_tokens', @cachedTokens::int)), @error::text, @now
