-- A dispatcher that stalls in mid-batch (a stopped process, a dead network) loses its transaction, and with it every lock it holds;
-- one that has to wait for somebody else's lock gives up, so that one held row delays nobody else. Every statement of a batch finds
-- its rows by index, a known few of them, whatever a table's statistics say or do not yet say: so the other plans are switched off.
SELECT set_config('idle_in_transaction_session_timeout', '5s', true), set_config('lock_timeout', @lockTimeout, true),
  set_config('statement_timeout', '8s', true),
  set_config('jit', 'off', true), set_config('enable_seqscan', 'off', true), set_config('enable_bitmapscan', 'off', true),
  set_config('enable_hashjoin', 'off', true), set_config('enable_mergejoin', 'off', true)
