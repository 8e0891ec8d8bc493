-- Reads what held and granted pairs leave of each budget of $3 in currency $2, in minor units, once
-- the batch has given $4 back, how many pairs these are, and whether a rollout of the campaign has
-- still to move pairs. What is left beyond the range of bigint is read as the nearest bigint. Only
-- damage makes pairs use less than zero, which counts as nothing, or NaN, which uses up the budget.
-- Uses credit_count_pkey and pair_count_pkey; see rolling_out.
SELECT b.campaign,
       greatest(-9223372036854775808, least(9223372036854775807,
                b.amount - greatest(0, coalesce(used.amount, 0)) + b.freed))::bigint,
       coalesce(admitted.pairs, 0)::bigint,
       referral.rolling_out(b.campaign)
  FROM unnest($1::text[], $2::text[], $3::bigint[], $4::text[]::numeric[]) AS b(campaign, currency, amount, freed)
 CROSS JOIN LATERAL (SELECT sum(coalesce(nullif(granted + held, 'NaN'), 'Infinity')) AS amount FROM referral.credit_count
                      WHERE campaign = b.campaign AND currency = b.currency) AS used
 CROSS JOIN LATERAL (SELECT sum(granted + held) AS pairs FROM referral.pair_count WHERE campaign = b.campaign) AS admitted;
