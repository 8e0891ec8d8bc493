-- Locks the counters of these referrers, by key. Rides on referrer_pkey.
INSERT INTO referral.referrer AS r (campaign, referrer_id)
SELECT * FROM unnest($1::text[], $2::text[]) ORDER BY 1, 2
    ON CONFLICT (campaign, referrer_id) DO UPDATE SET campaign = excluded.campaign;
