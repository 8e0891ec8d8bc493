-- Adds to the counters of pairs per campaign, in the order of campaigns. @shard is locked by this
-- batch, so no other batch waits for the rows; a resync locks those of shard 0 in the same order.
-- Uses pair_count_pkey.
INSERT INTO referral.pair_count AS c (campaign, shard, awaiting_purchase, waiting, held, granted, reversed, revised, condition_errors)
SELECT campaign, @shard, awaiting_purchase, waiting, held, granted, reversed, revised, condition_errors
  FROM unnest(@campaigns::text[], @awaiting_purchase::bigint[], @waiting::bigint[], @held::bigint[], @granted::bigint[], @reversed::bigint[], @revised::bigint[], @condition_errors::bigint[])
       AS delta(campaign, awaiting_purchase, waiting, held, granted, reversed, revised, condition_errors)
 ORDER BY campaign COLLATE "C"
    ON CONFLICT (campaign, shard) DO UPDATE
   SET awaiting_purchase = c.awaiting_purchase + excluded.awaiting_purchase,
       waiting = c.waiting + excluded.waiting, held = c.held + excluded.held,
       granted = c.granted + excluded.granted, reversed = c.reversed + excluded.reversed,
       revised = c.revised + excluded.revised,
       condition_errors = c.condition_errors + excluded.condition_errors,
       changed_at = now();
