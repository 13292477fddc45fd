-- Each user's newest active conversation.
SELECT newest.id::text, wanted.id AS user_id
FROM unnest(@userIds::text[]) AS wanted (id)
CROSS JOIN LATERAL (
  SELECT c.id FROM conversations c
  WHERE c.user_id = wanted.id::external_id AND c.status = 'active'
  ORDER BY c.created_at DESC LIMIT 1
) AS newest
