-- Each person's budget of each local day counts the deliveries of that day, a sequence as one, and keeps within the daily limit.
WITH deliveries AS (
  SELECT h.user_id, (min(h.created_at) AT TIME ZONE coalesce(u.timezone, 'America/New_York'))::date AS date
  FROM handed_over h JOIN users u ON u.id = h.user_id
  GROUP BY h.user_id, h.delivery, u.timezone
), counts AS (
  SELECT user_id, date, count(*) AS deliveries FROM deliveries GROUP BY user_id, date
)
SELECT format('The budget of %s counts %s on %s, and there were %s', user_id, coalesce(b.messages_sent, 0), date, coalesce(c.deliveries, 0))
FROM counts c FULL JOIN user_message_budget b USING (user_id, date)
WHERE coalesce(c.deliveries, 0) <> coalesce(b.messages_sent, 0)
UNION ALL
SELECT format('%s had %s deliveries on %s, with a limit of %s', user_id, c.deliveries, date, b.daily_limit)
FROM counts c JOIN user_message_budget b USING (user_id, date)
WHERE c.deliveries > b.daily_limit
