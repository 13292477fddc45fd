-- One instance prunes at a time: whether it is this one, for this transaction.
SELECT pg_try_advisory_xact_lock(@pruningLock)
