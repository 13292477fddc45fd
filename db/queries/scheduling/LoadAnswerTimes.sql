-- The hours that users are known to answer best at, and when each has written lately, to learn them from.
SELECT answers.*
FROM unnest(@answeringUserIds::text[]) AS wanted (id)
CROSS JOIN LATERAL (
  SELECT u.id::text AS user_id, u.response_pattern ->> 'best_hours' AS best_hours,
    ARRAY(
      SELECT plain_time(m.created_at) FROM messages m
      WHERE m.user_id = u.id AND m.direction = 'inbound' AND m.created_at <= clock_timestamp()
      ORDER BY m.created_at DESC LIMIT 200
    ) AS inbound
  FROM users u
  WHERE u.id = wanted.id::external_id
  LIMIT 1
) AS answers
