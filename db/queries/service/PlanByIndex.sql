-- What follows in the transaction finds its rows by index, a known few of them, whatever a table's statistics say or do not yet say:
-- so the other plans are switched off. Materialize is one of them: it lets all that waits be read once and gone through for each message
-- of a batch. And so is sorting: where statistics were taken while nothing waited, all indexes of what waits seem to be empty, and any of
-- them as good as the one meant, but not all have the rows in the order that is asked for.
SELECT set_config('jit', 'off', true), set_config('enable_seqscan', 'off', true), set_config('enable_bitmapscan', 'off', true),
  set_config('enable_hashjoin', 'off', true), set_config('enable_mergejoin', 'off', true), set_config('enable_material', 'off', true),
  set_config('enable_sort', 'off', true), set_config('enable_incremental_sort', 'off', true)
