-- What the rules need to know of users, after their rows were locked: a new statement, so it sees all that was committed before.
-- 24:00 is a time to PostgreSQL and the next day's 00:00 to everyone else; what the user is yet to write makes nobody active.
SELECT u.*
FROM unnest(@userIds::text[]) AS wanted (id)
CROSS JOIN LATERAL (
  SELECT id::text AS user_id, coalesce(phone_number, '') <> '' AS has_phone_number, coalesce(opted_out, false) AS opted_out, timezone,
    quiet_hours_start::time + interval '0' AS quiet_hours_start, quiet_hours_end::time + interval '0' AS quiet_hours_end,
    (SELECT plain_time(m.created_at) FROM messages m
     WHERE m.user_id = users.id AND m.direction = 'inbound' AND m.created_at <= clock_timestamp()
     ORDER BY m.created_at DESC LIMIT 1) AS last_inbound_at
  FROM users
  WHERE id = wanted.id::external_id
  LIMIT 1
) AS u
