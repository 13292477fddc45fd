-- A dispatcher that stalls in mid-batch (a stopped process, a dead network) loses its transaction, and with it every lock it holds.
SELECT set_config('idle_in_transaction_session_timeout', '5s', true)
