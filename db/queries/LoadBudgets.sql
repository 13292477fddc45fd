-- The newest days of the users' budgets: the last deliveries, also across midnight, and the users' own limits.
SELECT b.user_id::text, b.date, coalesce(b.messages_sent, 0) AS messages_sent, b.last_message_at, b.recent_deliveries,
  b.daily_limit, b.hourly_limit, coalesce(b.quiet_hours_enabled, true) AS quiet_hours_enabled
FROM unnest(@userIds::text[]) AS wanted (id)
CROSS JOIN LATERAL (
  SELECT * FROM user_message_budget WHERE user_id = wanted.id::external_id ORDER BY date DESC LIMIT 3
) AS b
ORDER BY b.date DESC
