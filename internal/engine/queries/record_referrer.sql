-- Counts admitted pairs per campaign and referrer, locking referrers by key,
-- and returns the counts from which ordinals follow.
-- Rides on referrer_pkey.
INSERT INTO referral.referrer AS r (campaign, referrer_id, pairs)
SELECT campaign, referrer_id, sum(pairs)
  FROM unnest($1::text[], $2::text[], $3::bigint[]) AS delta(campaign, referrer_id, pairs)
 GROUP BY campaign, referrer_id
 ORDER BY campaign, referrer_id
    ON CONFLICT (campaign, referrer_id) DO UPDATE SET pairs = r.pairs + excluded.pairs
RETURNING campaign, referrer_id, pairs;
