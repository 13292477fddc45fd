-- What the provider reported as the end of an SMS, and the service confirmed to have heard, is what the message says: it never goes back.
SELECT format('%s was reported as %s, and is %s', m.id, r.status, m.status)
FROM reported r JOIN messages m ON m.id = r.message_id
WHERE m.status <> r.status
