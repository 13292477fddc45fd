-- Adds a user with what the request gives. False where another request has just added the same one: it waits for that to commit, and is an
-- update then.
SELECT create_user(@userId, @columns::text[], @values::text[])
