-- First statement of a batch. The timeouts free the shards of a lost node within half a minute. The
-- lock timeout is shorter than the statement timeout, so that a statement timeout is always caused
-- by the batch's own work.
--
-- Every later statement has its keys and an index for them, or the ctid of its rows. The planner
-- must not choose a sequential scan, nor read and sort all rows of one key, whatever the defaults
-- of the role and the database are.
SELECT set_config('idle_in_transaction_session_timeout', '30s', true),
       set_config('statement_timeout', '30s', true),
       set_config('lock_timeout', '20s', true),
       set_config('enable_indexscan', 'on', true),
       set_config('enable_indexonlyscan', 'on', true),
       set_config('enable_tidscan', 'on', true),
       set_config('enable_nestloop', 'on', true),
       set_config('enable_seqscan', 'off', true),
       set_config('enable_hashjoin', 'off', true),
       set_config('enable_bitmapscan', 'off', true),
       set_config('enable_sort', 'off', true),
       set_config('enable_incremental_sort', 'off', true),
       set_config('enable_mergejoin', 'off', true),
       set_config('jit', 'off', true);
