-- Sets a user's own limits from today on, under the user's lock, so that no delivery is counted meanwhile. The newest row counts, so rows of
-- later days (a zone was left to the west) are set as well; what is not given is the newest row's. Where a new zone has made today another
-- day, the deliveries counted today move along: they must not be granted once more, nor count against a day that is yet to come.
WITH newest AS (
  SELECT b.daily_limit, b.hourly_limit, b.quiet_hours_enabled FROM user_message_budget b
  WHERE b.user_id = @userId::external_id AND b.date BETWEEN '1900-01-01' AND '9000-01-01'
  ORDER BY b.date DESC LIMIT 1
), own AS (
  SELECT CASE WHEN @givesDailyLimit THEN @dailyLimit::integer ELSE newest.daily_limit END AS daily_limit,
    CASE WHEN @givesHourlyLimit THEN @hourlyLimit::integer ELSE newest.hourly_limit END AS hourly_limit,
    CASE WHEN @givesQuietHoursEnabled THEN @quietHoursEnabled::boolean ELSE coalesce(newest.quiet_hours_enabled, true) END AS quiet_hours_enabled,
    coalesce((
      SELECT b.messages_sent FROM user_message_budget b WHERE b.user_id = @userId::external_id AND b.date = @formerDate::date), 0) AS messages_sent
  FROM (SELECT) AS one LEFT JOIN newest ON true
), later AS (
  UPDATE user_message_budget b
  SET daily_limit = own.daily_limit, hourly_limit = own.hourly_limit, quiet_hours_enabled = own.quiet_hours_enabled,
    messages_sent = CASE WHEN b.date = @formerDate::date THEN 0 ELSE b.messages_sent END
  FROM own
  WHERE b.user_id = @userId::external_id AND b.date > @date::date
)
INSERT INTO user_message_budget AS b (user_id, date, messages_sent, daily_limit, hourly_limit, quiet_hours_enabled)
SELECT @userId::external_id, @date::date, own.messages_sent, own.daily_limit, own.hourly_limit, own.quiet_hours_enabled
FROM own
ON CONFLICT (user_id, date) DO UPDATE
SET messages_sent = greatest(coalesce(b.messages_sent, 0), excluded.messages_sent), daily_limit = excluded.daily_limit,
  hourly_limit = excluded.hourly_limit, quiet_hours_enabled = excluded.quiet_hours_enabled
