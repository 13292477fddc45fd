-- Waits for the user's turn: what follows in the transaction sees everything that was delivered to the user before.
SELECT true FROM users u WHERE u.id = @userId::external_id FOR NO KEY UPDATE
