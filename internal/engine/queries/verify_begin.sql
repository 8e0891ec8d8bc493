-- First statement of each transaction of a verification. Ranges are joined as a whole, by hash or
-- by merge: a nested loop over a range would take time that grows with its square. Each statement
-- is planned for its own range, whatever the defaults of the role and the database are, and leaves
-- the other processors to batches.
SELECT set_config('idle_in_transaction_session_timeout', '30s', true),
       set_config('enable_nestloop', 'off', true),
       set_config('enable_hashjoin', 'on', true),
       set_config('enable_mergejoin', 'on', true),
       set_config('enable_sort', 'on', true),
       set_config('enable_seqscan', 'on', true),
       set_config('enable_indexscan', 'on', true),
       set_config('enable_indexonlyscan', 'on', true),
       set_config('enable_bitmapscan', 'on', true),
       set_config('enable_tidscan', 'on', true),
       set_config('max_parallel_workers_per_gather', '0', true),
       set_config('plan_cache_mode', 'force_custom_plan', true),
       set_config('jit', 'off', true);
