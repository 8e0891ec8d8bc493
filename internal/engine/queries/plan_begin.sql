-- Reads what a plan for campaign $1 begins with: the database's clock, the name of the database and
-- of the campaign's policy, and about how many pairs and signups the campaign concerns.
-- Uses campaign_pkey and pair_count_pkey.
SELECT clock_timestamp(), coalesce((SELECT name FROM referral.owner), ''),
       coalesce((SELECT policy FROM referral.campaign WHERE name = $1), ''),
       (SELECT coalesce(sum(awaiting_purchase + waiting + held + granted + reversed), 0)::bigint
          FROM referral.pair_count WHERE campaign = $1);
