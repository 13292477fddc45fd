-- What the rules need to know of users, after their rows were locked: a new statement, so it sees all that was committed before.
SELECT u.id::text AS user_id, coalesce(u.phone_number, '') <> '' AS has_phone_number, coalesce(u.opted_out, false) AS opted_out,
  u.timezone, u.quiet_hours_start::time AS quiet_hours_start, u.quiet_hours_end::time AS quiet_hours_end,
  (SELECT m.created_at FROM messages m
   WHERE m.user_id = u.id AND m.direction = 'inbound'
   ORDER BY m.created_at DESC LIMIT 1) AS last_inbound_at
FROM users u
WHERE u.id = ANY (@userIds::text[]::external_id[])
