-- What lies between two places of the write-ahead log: entries of indexes, and how much of it is pages logged whole.
SELECT coalesce(sum(count) FILTER (WHERE "resource_manager/record_type" IN
    ('Btree/INSERT_LEAF', 'Btree/INSERT_POST', 'Btree/SPLIT_L', 'Btree/SPLIT_R')), 0)::bigint AS index_entries,
  sum(fpi_size)::bigint AS page_images
FROM pg_get_wal_stats(@start::pg_lsn, @end::pg_lsn, true)
