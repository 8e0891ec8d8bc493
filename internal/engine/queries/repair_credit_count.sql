-- Adds to one locked sum of each campaign and currency what all of its sums lack.
-- Uses credit_count_pkey.
UPDATE referral.credit_count AS c
   SET granted = c.granted + l.granted, held = c.held + l.held, reversed = c.reversed + l.reversed
  FROM unnest(@campaigns::text[], @currencies::text[], @granted::text[]::numeric[], @held::text[]::numeric[], @reversed::text[]::numeric[])
       AS l(campaign, currency, granted, held, reversed)
 WHERE c.campaign = l.campaign AND c.currency = l.currency AND c.shard = 0;
