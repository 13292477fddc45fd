-- Sets or clears the opt-out of users whose rows are locked.
UPDATE users u SET opted_out = @optedOut WHERE u.id = ANY (@userIds::text[]::external_id[]) AND u.opted_out IS DISTINCT FROM @optedOut
