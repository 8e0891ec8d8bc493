-- Rides on pair_count_pkey. $1 is a shard that this batch holds, so that no
-- other batch waits for the row.
INSERT INTO referral.pair_count AS c (campaign, shard, awaiting_purchase, waiting, held, granted, reversed, revised, condition_errors)
SELECT campaign, $1, awaiting_purchase, waiting, held, granted, reversed, revised, condition_errors
  FROM unnest($2::text[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[])
       AS delta(campaign, awaiting_purchase, waiting, held, granted, reversed, revised, condition_errors)
    ON CONFLICT (campaign, shard) DO UPDATE
   SET awaiting_purchase = c.awaiting_purchase + excluded.awaiting_purchase,
       waiting = c.waiting + excluded.waiting, held = c.held + excluded.held,
       granted = c.granted + excluded.granted, reversed = c.reversed + excluded.reversed,
       revised = c.revised + excluded.revised,
       condition_errors = c.condition_errors + excluded.condition_errors,
       changed_at = now();
