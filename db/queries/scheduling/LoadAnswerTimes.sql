-- The hours a user is known to answer best at, and when the user has written lately, to learn them from.
SELECT u.response_pattern ->> 'best_hours' AS best_hours,
  ARRAY(
    SELECT plain_time(m.created_at) FROM messages m
    WHERE m.user_id = u.id AND m.direction = 'inbound' AND m.created_at <= clock_timestamp()
    ORDER BY m.created_at DESC LIMIT 200
  ) AS inbound
FROM users u
WHERE u.id = @userId::external_id
