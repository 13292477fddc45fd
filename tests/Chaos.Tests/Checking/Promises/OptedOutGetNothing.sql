-- Who has opted out, and was told so, gets nothing more; but for an SMS that was under way then.
SELECT format('%s opted out at %s, and was handed %s at %s', o.user_id, o.at, h.id, h.created_at)
FROM opted_out o JOIN handed_over h ON h.user_id = o.user_id
WHERE h.created_at > o.at
UNION ALL
SELECT format('%s opted out at %s, and was sent an SMS at %s', o.user_id, o.at, t.at)
FROM opted_out o JOIN handed_over h ON h.user_id = o.user_id JOIN taken t ON t.message_id = h.id
WHERE t.at > o.at + interval '6 seconds'
