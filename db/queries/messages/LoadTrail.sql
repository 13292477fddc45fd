-- What has happened to a message, oldest first; of a very long trail the newest part. What happened at one moment stands in the order in which
-- one thing leads to the other.
SELECT newest.*
FROM (
  SELECT a.created_at AS at, a.action_type AS event, a.output_data ->> 'code' AS code, coalesce(a.output_data ->> 'reason', a.error) AS reason,
    a.output_data ->> 'until' AS until, a.output_data ->> 'by' AS by, a.output_data ->> 'fields' AS fields, a.output_data ->> 'key' AS key, a.model_used AS model,
    CASE WHEN a.action_type IN ('message_judged', 'message_written', 'message_changed', 'message_redecided') THEN 1 WHEN a.action_type LIKE 'sms%' THEN 3 ELSE 2 END AS place
  FROM agent_actions_log a
  WHERE a.agent_type = 'message_orchestrator' AND a.context_id = @id
  ORDER BY a.created_at DESC, place DESC
  LIMIT 1000
) AS newest
ORDER BY newest.at, newest.place
