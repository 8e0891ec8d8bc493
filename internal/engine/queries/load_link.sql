-- Reads the links of codes with their hashes.
-- Uses link_pkey.
SELECT code, campaign, referrer_id, label, expires_at, disabled_at,
       referral.hash_of_link(code, campaign, referrer_id, label, expires_at, disabled_at)
  FROM referral.link
 WHERE code = ANY ($1);
