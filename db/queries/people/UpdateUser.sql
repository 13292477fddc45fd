-- Changes the fields of a user that a request gives, under the user's lock; the others stay. An adopted table may spell the types its own way.
UPDATE users u
SET phone_number = CASE WHEN @givesPhoneNumber THEN @phoneNumber::text ELSE u.phone_number::text END,
  first_name = CASE WHEN @givesFirstName THEN @firstName::text ELSE u.first_name::text END,
  timezone = CASE WHEN @givesTimezone THEN @timezone::text ELSE u.timezone::text END,
  quiet_hours_start = CASE WHEN @givesQuietHoursStart THEN @quietHoursStart::time ELSE u.quiet_hours_start::time END,
  quiet_hours_end = CASE WHEN @givesQuietHoursEnd THEN @quietHoursEnd::time ELSE u.quiet_hours_end::time END,
  updated_at = @now
WHERE u.id = @userId::external_id
