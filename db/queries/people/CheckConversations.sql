-- Which of the conversations that messages name exist, and whose they are.
SELECT found.*
FROM unnest(@conversationIds::text[]) AS wanted (id)
CROSS JOIN LATERAL (
  SELECT c.id::text, c.user_id::text FROM conversations c WHERE c.id = wanted.id::external_id LIMIT 1
) AS found
