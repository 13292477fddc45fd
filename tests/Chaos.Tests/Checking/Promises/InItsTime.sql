-- Nothing is handed over before the time it was asked for, nor when it has expired.
SELECT format('%s was handed over at %s, asked for from %s until %s', o.reference, h.created_at, o.not_before, o.expires_at)
FROM handed_over h JOIN ordered o ON o.reference = h.reference
WHERE h.created_at < o.not_before OR h.created_at >= o.expires_at
