-- Nobody is written to in their quiet hours who has not written in the ten minutes before: nothing is handed over, and no SMS is taken.
SELECT format('%s was handed %s at %s', user_id, id, created_at)
FROM handed_over
WHERE pg_temp.is_night(user_id, created_at) AND NOT pg_temp.has_written(user_id, created_at - interval '10 minutes', created_at)
UNION ALL
-- An SMS is decided some seconds before it is taken.
SELECT format('%s was sent an SMS for %s at %s', h.user_id, h.id, t.at)
FROM taken t JOIN handed_over h ON h.id = t.message_id
WHERE pg_temp.is_night(h.user_id, t.at) AND pg_temp.is_night(h.user_id, t.at - interval '15 seconds')
  AND NOT pg_temp.has_written(h.user_id, t.at - interval '10 minutes 15 seconds', t.at)
