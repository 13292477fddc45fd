-- Whose message it is, which never changes: that user is locked before the message is looked at.
SELECT q.user_id::text FROM message_queue q WHERE q.id = @id
