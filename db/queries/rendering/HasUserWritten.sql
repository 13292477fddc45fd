-- Whether the user has written after that moment: more than the model knew.
SELECT EXISTS (
  SELECT FROM messages m
  WHERE m.user_id = @userId::external_id AND m.direction = 'inbound' AND m.created_at > @after AND m.created_at <= greatest(@now, clock_timestamp()))
