-- Reads what held and granted pairs use of each budget, in minor units. A sum beyond bigint is read
-- as the largest bigint.
-- Uses credit_count_pkey.
SELECT b.campaign, least(coalesce(sum(c.granted + c.held), 0), 9223372036854775807)::bigint
  FROM unnest($1::text[], $2::text[]) AS b(campaign, currency)
  LEFT JOIN referral.credit_count AS c ON c.campaign = b.campaign AND c.currency = b.currency
 GROUP BY b.campaign;
