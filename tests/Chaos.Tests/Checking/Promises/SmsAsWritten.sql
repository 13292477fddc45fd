-- Each SMS says what its message says, to the number of its person; and the message says what was asked for last.
SELECT format('The SMS of %s says "%s" to %s', h.id, t.body, t.recipient)
FROM taken t JOIN handed_over h ON h.id = t.message_id JOIN users u ON u.id = h.user_id
WHERE t.body <> h.content OR t.recipient <> u.phone_number
UNION ALL
SELECT format('%s was handed over with the text "%s"', o.reference, h.content)
FROM handed_over h JOIN ordered o ON o.reference = h.reference
WHERE strpos(h.content, o.reference) = 0 OR (cardinality(o.texts) > 0 AND NOT o.may_be_reworded AND h.content <> ALL (o.texts))
