-- Adds to the sums of credits per campaign and currency, in the order of these keys. @shard is locked
-- by this batch, so no other batch waits for the rows; a resync locks those of shard 0 in the same
-- order.
-- Uses credit_count_pkey.
INSERT INTO referral.credit_count AS c (campaign, shard, currency, granted, held, reversed)
SELECT campaign, @shard, currency, sum(granted), sum(held), sum(reversed)
  FROM unnest(@campaigns::text[], @currencies::text[], @granted::bigint[], @held::bigint[], @reversed::bigint[])
       AS delta(campaign, currency, granted, held, reversed)
 GROUP BY campaign, currency
HAVING (sum(granted), sum(held), sum(reversed)) <> (0, 0, 0)
 ORDER BY campaign COLLATE "C", currency COLLATE "C"
    ON CONFLICT (campaign, shard, currency) DO UPDATE
   SET granted = c.granted + excluded.granted, held = c.held + excluded.held,
       reversed = c.reversed + excluded.reversed;
