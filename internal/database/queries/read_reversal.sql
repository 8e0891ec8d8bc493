-- Whether all that campaign $1 gave has been reversed, and about how many pairs are left. Whether it
-- is over is known from the walk over rows; the counters only tell people how far it is.
-- Uses reversal_pkey and pair_count_pkey.
SELECT coalesce((SELECT done FROM referral.reversal WHERE campaign = $1), false),
       (SELECT coalesce(sum(waiting + held + granted), 0)::bigint FROM referral.pair_count WHERE campaign = $1)
