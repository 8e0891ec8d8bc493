-- Finds the link of a code.
-- Uses link_pkey.
SELECT code, campaign, referrer_id, label, destination, expires_at, created_at, disabled_at
  FROM referral.link WHERE code = referral.normal_code($1);
