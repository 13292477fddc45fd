-- A dispatcher that stalls in mid-batch (a stopped process, a dead network) loses its transaction, and with it every lock it holds;
-- one that has to wait for somebody else's lock gives up, so that one held row delays nobody else.
SELECT set_config('idle_in_transaction_session_timeout', '5s', true), set_config('lock_timeout', @lockTimeout, true),
  set_config('statement_timeout', '8s', true)
