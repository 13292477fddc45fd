-- A user without an active conversation gets one when a message is delivered.
INSERT INTO conversations (id, user_id, phone_number, status, created_at, updated_at)
SELECT created.id::external_id, u.id, u.phone_number, 'active', @now, @now
FROM unnest(@ids::text[], @userIds::text[]) AS created (id, user_id)
JOIN users u ON u.id = created.user_id::external_id
