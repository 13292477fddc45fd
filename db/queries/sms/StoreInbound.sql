-- Stores what a user has written, in the newest active conversation or a new one. The row's id comes from the provider's, so that a
-- webhook that is delivered twice stores one row; no row comes back for the second. The user's row is locked before.
WITH known AS (
  SELECT c.id FROM conversations c
  WHERE c.user_id = @userId::external_id AND c.status = 'active'
  ORDER BY dialled(c.phone_number) = @number DESC, c.created_at DESC LIMIT 1
), created AS (
  INSERT INTO conversations (id, user_id, phone_number, status, created_at, updated_at, last_message_at)
  SELECT @newConversationId::text::external_id, @userId::external_id, @number, 'active', @now, @now, @now
  WHERE NOT EXISTS (SELECT FROM known)
  RETURNING id
), stored AS (
  INSERT INTO messages (id, conversation_id, user_id, role, content, direction, status, twilio_message_sid, created_at)
  SELECT md5('twilio ' || @sid)::uuid, coalesce((SELECT id FROM known), (SELECT id FROM created)), @userId::external_id,
    'user', @content, 'inbound', 'received', @sid, @now
  ON CONFLICT (id) DO NOTHING
  RETURNING conversation_id
), touched AS (
  UPDATE conversations c
  SET last_message_at = greatest(c.last_message_at, @now), updated_at = greatest(c.updated_at, @now)
  FROM stored WHERE c.id = stored.conversation_id
)
SELECT true FROM stored
