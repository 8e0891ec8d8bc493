-- Finds the oldest of a referrer's links of one campaign, label and destination that is neither
-- expired nor disabled.
-- Uses link_referrer.
SELECT code, campaign, referrer_id, label, destination, expires_at, created_at, disabled_at
  FROM referral.link
 WHERE referrer_id = $1 AND campaign = $2 AND label = $3 AND destination IS NOT DISTINCT FROM nullif($4::text, '')
   AND (expires_at IS NULL OR expires_at > now()) AND (disabled_at IS NULL OR disabled_at > now())
 ORDER BY created_at, code
 LIMIT 1;
