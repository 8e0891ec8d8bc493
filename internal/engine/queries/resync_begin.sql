-- First statement of a resync's step. It compares many rows at once, within
-- bounds that it knows, so the planner is to choose by these;
-- only where it looks for the touch that decides it must not sort them all.
SELECT set_config('idle_in_transaction_session_timeout', '30s', true),
       set_config('statement_timeout', '30s', true),
       set_config('lock_timeout', '30s', true),
       set_config('enable_bitmapscan', 'off', true),
       set_config('enable_sort', 'off', true),
       set_config('work_mem', '64MB', true),
       set_config('plan_cache_mode', 'force_custom_plan', true),
       set_config('jit', 'off', true);
