-- What was said lately, newest first: in the conversation, and by the user anywhere.
SELECT * FROM (
  (SELECT m.id, m.direction, m.content, plain_time(m.created_at) AS at FROM messages m
   WHERE m.conversation_id = @conversationId::text::external_id AND m.created_at <= greatest(@now, clock_timestamp()) AND m.status IS DISTINCT FROM 'cancelled'
   ORDER BY m.created_at DESC LIMIT @most)
  UNION
  (SELECT m.id, m.direction, m.content, plain_time(m.created_at) FROM messages m
   WHERE m.user_id = @userId::external_id AND m.direction = 'inbound' AND m.created_at <= greatest(@now, clock_timestamp())
   ORDER BY m.created_at DESC LIMIT @most)
) AS said
ORDER BY said.at DESC, said.id DESC
LIMIT @most
