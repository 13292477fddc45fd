-- What is stored of a user, as callers see it. 24:00 is a time to PostgreSQL and the next day's 00:00 to everyone else.
SELECT u.id::text AS id, u.phone_number, u.first_name, u.timezone,
  u.quiet_hours_start::time + interval '0' AS quiet_hours_start, u.quiet_hours_end::time + interval '0' AS quiet_hours_end,
  coalesce(u.opted_out, false) AS opted_out
FROM users u
WHERE u.id = @userId::external_id
