-- Reads what held and granted pairs use of each budget, in minor units, how many pairs these are,
-- and whether a rollout of the campaign has still to move pairs. A sum beyond bigint is read as the
-- largest bigint, and one below zero, which only damage can cause, as zero.
-- Uses credit_count_pkey and pair_count_pkey; see rolling_out.
SELECT b.campaign, greatest(0, least(coalesce(used.amount, 0), 9223372036854775807))::bigint, coalesce(admitted.pairs, 0)::bigint,
       referral.rolling_out(b.campaign)
  FROM unnest($1::text[], $2::text[]) AS b(campaign, currency)
 CROSS JOIN LATERAL (SELECT sum(granted + held) AS amount FROM referral.credit_count
                      WHERE campaign = b.campaign AND currency = b.currency) AS used
 CROSS JOIN LATERAL (SELECT sum(granted + held) AS pairs FROM referral.pair_count WHERE campaign = b.campaign) AS admitted;
