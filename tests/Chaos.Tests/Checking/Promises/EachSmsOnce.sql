-- The provider takes each message once, and what counts as sent was taken.
SELECT format('The SMS of %s was taken %s times', message_id, count(*)) FROM taken GROUP BY message_id HAVING count(*) > 1
UNION ALL
SELECT format('SMS %s belongs to no message', t.sid) FROM taken t LEFT JOIN handed_over h ON h.id = t.message_id WHERE h.id IS NULL
UNION ALL
SELECT format('%s is %s, and the provider took no such SMS', m.id, m.status)
FROM messages m LEFT JOIN taken t ON t.message_id = m.id AND t.sid = m.twilio_message_sid
WHERE m.direction = 'outbound' AND m.status IN ('sent', 'delivered', 'undelivered') AND t.sid IS NULL
UNION ALL
SELECT format('%s was taken, and is %s', m.id, m.status)
FROM messages m JOIN taken t ON t.message_id = m.id
WHERE m.status NOT IN ('sent', 'delivered', 'undelivered')
