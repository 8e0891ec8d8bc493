-- First statement of a step of a resync. The lock timeout is shorter than the statement timeout, as
-- in begin.sql. The step compares many rows within known bounds, so the planner chooses plans for
-- these values, whatever the defaults of the role and the database are; only where it searches for
-- the deciding touch it must not sort all touches.
SELECT set_config('idle_in_transaction_session_timeout', '30s', true),
       set_config('statement_timeout', '30s', true),
       set_config('lock_timeout', '20s', true),
       set_config('enable_indexscan', 'on', true),
       set_config('enable_indexonlyscan', 'on', true),
       set_config('enable_tidscan', 'on', true),
       set_config('enable_seqscan', 'on', true),
       set_config('enable_nestloop', 'on', true),
       set_config('enable_hashjoin', 'on', true),
       set_config('enable_mergejoin', 'on', true),
       set_config('enable_bitmapscan', 'off', true),
       set_config('enable_sort', 'off', true),
       set_config('work_mem', '64MB', true),
       set_config('plan_cache_mode', 'force_custom_plan', true),
       set_config('jit', 'off', true);
