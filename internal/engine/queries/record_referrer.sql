-- Adds to the numbers of admitted pairs per campaign and referrer, one row per referrer, locks
-- these in the order of their keys, and returns the new numbers, from which ordinals follow.
-- Uses referrer_pkey.
INSERT INTO referral.referrer AS r (campaign, referrer_id, pairs)
SELECT campaign, referrer_id, pairs
  FROM unnest($1::text[], $2::text[], $3::bigint[]) AS delta(campaign, referrer_id, pairs)
 ORDER BY campaign COLLATE "C", referrer_id COLLATE "C"
    ON CONFLICT (campaign, referrer_id) DO UPDATE SET pairs = r.pairs + excluded.pairs
RETURNING campaign, referrer_id, pairs;
