-- Bounds each wait for a lock ($1) and each statement ($2), in milliseconds, until the transaction
-- ends.
SELECT set_config('lock_timeout', $1, true),
       set_config('statement_timeout', $2, true);
