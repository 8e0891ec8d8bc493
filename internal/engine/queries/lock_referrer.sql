-- Locks the counters of these referrers in the order of their keys.
-- Uses referrer_pkey.
INSERT INTO referral.referrer AS r (campaign, referrer_id)
SELECT campaign, referrer_id
  FROM unnest($1::text[], $2::text[]) AS counted(campaign, referrer_id)
 ORDER BY campaign COLLATE "C", referrer_id COLLATE "C"
    ON CONFLICT (campaign, referrer_id) DO UPDATE SET campaign = excluded.campaign;
