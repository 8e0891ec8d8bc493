-- First statement of each transaction of a verification. Ranges are joined as a whole, by hash or
-- by merge: a nested loop over a range would take time that grows with its square. Each statement
-- is planned for its own range, and leaves the other processors to batches.
SELECT set_config('idle_in_transaction_session_timeout', '30s', true),
       set_config('enable_nestloop', 'off', true),
       set_config('max_parallel_workers_per_gather', '0', true),
       set_config('plan_cache_mode', 'force_custom_plan', true),
       set_config('jit', 'off', true);
