-- Rides on withheld_pkey.
INSERT INTO referral.withheld (campaign, user_id, pairs)
SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[])
    ON CONFLICT (campaign, user_id) DO UPDATE SET pairs = excluded.pairs;
