-- Records pairs as counted.
-- Uses lost_pair_pkey.
INSERT INTO referral.lost_pair (campaign, user_id, purchase_id, counted_at)
SELECT campaign, user_id, purchase_id, clock_timestamp()
  FROM unnest($1::text[], $2::text[], $3::text[]) AS d(campaign, user_id, purchase_id)
    ON CONFLICT (campaign, user_id, purchase_id) DO UPDATE SET counted_at = excluded.counted_at;
