-- A conversation is sent to its own number. Those that had the user's old one follow to the new one, else the next SMS would go to a
-- phone that is the user's no more, however the number was spelt; without a new one, '' stands for the user's.
UPDATE conversations c
SET phone_number = coalesce(@phoneNumber::text, '')
WHERE c.user_id = @userId::external_id AND c.status = 'active' AND dialled(c.phone_number) = coalesce(dialled(@formerNumber::text), '')
