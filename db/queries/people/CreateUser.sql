-- Adds a user. No row comes back where another request has just added the same one: it waits for that to commit, and is an update then.
INSERT INTO users (id, phone_number, first_name, timezone, quiet_hours_start, quiet_hours_end)
VALUES (@userId::external_id, @phoneNumber::text, @firstName::text, @timezone::text, @quietHoursStart::time, @quietHoursEnd::time)
ON CONFLICT (id) DO NOTHING
RETURNING true
