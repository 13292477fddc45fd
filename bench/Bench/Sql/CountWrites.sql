-- What has been written into the tables of this database, and how many transactions have committed in it.
SELECT sum(n_tup_ins)::bigint AS inserted, sum(n_tup_upd)::bigint AS updated, sum(n_tup_hot_upd)::bigint AS hot_updated,
  sum(n_tup_del)::bigint AS deleted, (SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()) AS commits
FROM pg_stat_user_tables
