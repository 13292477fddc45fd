-- Locks what waits of sequences of which a dispatch has claimed a message. What somebody else holds is skipped, never waited for.
SELECT held.id
FROM unnest(@userIds::text[], @sequenceIds::uuid[]) AS wanted (user_id, sequence_id)
CROSS JOIN LATERAL (
  SELECT w.id FROM queue_messages w
  WHERE w.sequence_id = wanted.sequence_id AND w.user_id = wanted.user_id::external_id AND w.status || '' = 'queued'
  FOR UPDATE SKIP LOCKED
) AS held
