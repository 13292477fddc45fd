-- Deletes finished messages and all that stands for them alone: their trail, their keys, their traces, what is remembered of requests for
-- them; and of their users' budgets the old days, but for the newest, whose limits count.
WITH gone AS (
  DELETE FROM message_queue q USING unnest(@ids::uuid[]) AS old (id) WHERE q.id = old.id AND q.finished_at < @before AND q.status <> 'queued'
  RETURNING q.id, q.user_id
), trails AS (
  DELETE FROM agent_actions_log l USING gone WHERE l.agent_type = 'message_orchestrator' AND l.context_id = gone.id
), keys AS (
  DELETE FROM idempotency_keys k USING gone WHERE k.message_id = gone.id
), traces AS (
  DELETE FROM message_traces t USING gone WHERE t.message_id = gone.id
), requests AS (
  DELETE FROM sms_requests r USING gone WHERE r.message_id = gone.id
), days AS (
  DELETE FROM user_message_budget b USING (SELECT DISTINCT user_id FROM gone) AS u
  WHERE b.user_id = u.user_id AND b.date < @firstDay::date
    AND EXISTS (SELECT FROM user_message_budget n WHERE n.user_id = b.user_id AND n.date > b.date)
)
SELECT count(*)::int FROM gone
