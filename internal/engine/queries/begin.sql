-- First statement of a batch. The timeouts free a lost node's shards in half a
-- minute. A wait for a lock ends sooner than a statement may take, so that a
-- statement timeout is the batch's own and a lock timeout is not.
--
-- Every statement that follows knows its keys and has an index for them; the
-- planner must not trade that for a scan of everything that ever was, nor for
-- all rows of one key, sorted.
SELECT set_config('idle_in_transaction_session_timeout', '30s', true),
       set_config('statement_timeout', '30s', true),
       set_config('lock_timeout', '20s', true),
       set_config('enable_seqscan', 'off', true),
       set_config('enable_hashjoin', 'off', true),
       set_config('enable_bitmapscan', 'off', true),
       set_config('enable_sort', 'off', true),
       set_config('enable_mergejoin', 'off', true),
       set_config('jit', 'off', true);
