-- Which of the conversations that messages name exist, and whose they are.
SELECT c.id::text, c.user_id::text FROM conversations c WHERE c.id = ANY (@conversationIds::text[]::external_id[])
