-- No caller gets a 500, a refusal without a reason, or anything else that the contract does not know.
SELECT left(answer, 500) FROM odd_answers
