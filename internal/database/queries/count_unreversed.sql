-- Pairs of a campaign that are not reversed. Rides on the key of pair_count.
SELECT coalesce(sum(waiting + held + granted), 0)::bigint FROM referral.pair_count WHERE campaign = $1
