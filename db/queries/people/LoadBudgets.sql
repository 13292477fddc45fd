-- The newest days of the users' budgets: the last deliveries, also across midnight, and the users' own limits.
SELECT b.user_id::text, b.date, coalesce(b.messages_sent, 0) AS messages_sent, plain_time(b.last_message_at) AS last_message_at,
  ARRAY(SELECT plain_time(t) FROM unnest(b.recent_deliveries) AS t WHERE t IS NOT NULL) AS recent_deliveries,
  b.daily_limit, b.hourly_limit, coalesce(b.quiet_hours_enabled, true) AS quiet_hours_enabled
FROM unnest(@userIds::text[]) AS wanted (id)
CROSS JOIN LATERAL (
  SELECT * FROM user_message_budget
  WHERE user_id = wanted.id::external_id AND date BETWEEN '1900-01-01' AND '9000-01-01'
  ORDER BY date DESC LIMIT 3
) AS b
ORDER BY b.date DESC
