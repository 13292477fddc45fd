-- The clock of every decision: the database's, so that instances whose own clocks differ agree.
SELECT clock_timestamp()
