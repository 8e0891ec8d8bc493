-- Reads what a plan for campaign $1 begins with: the database's clock, the name of the database and
-- of the campaign's policy, about how many pairs and signups the campaign concerns, and whether a
-- rollout of the campaign has still to move pairs.
-- Uses campaign_pkey and pair_count_pkey; see rolling_out.
SELECT clock_timestamp(), coalesce((SELECT name FROM referral.owner), ''),
       coalesce((SELECT policy FROM referral.campaign WHERE name = $1), ''),
       (SELECT coalesce(sum(awaiting_purchase + waiting + held + granted + reversed), 0)::bigint
          FROM referral.pair_count WHERE campaign = $1),
       referral.rolling_out($1);
