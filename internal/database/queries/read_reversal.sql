-- Whether everything that campaign $1 granted has been reversed, and about how many pairs remain.
-- The walk over rows decides that it is done; the counters are for people. Uses reversal_pkey and
-- pair_count_pkey.
SELECT coalesce((SELECT done FROM referral.reversal WHERE campaign = $1), false),
       (SELECT coalesce(sum(waiting + held + granted), 0)::bigint FROM referral.pair_count WHERE campaign = $1)
