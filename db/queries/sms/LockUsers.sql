-- Waits for the users' turn, in one order. It may wait for a dispatch, which never waits itself.
SELECT u.id::text FROM users u WHERE u.id = ANY (@userIds::text[]::external_id[]) ORDER BY u.id FOR NO KEY UPDATE
