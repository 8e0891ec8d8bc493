-- Finds the oldest of a referrer's links of one campaign, label and destination that is neither
-- expired nor disabled. A link with the given expiry precedes the others, even if it has expired,
-- so that a repeated request gets the link that the first one created. Uses link_referrer.
SELECT code, campaign, referrer_id, label, destination, expires_at, created_at, disabled_at
  FROM referral.link
 WHERE referrer_id = @referrer_id AND campaign = @campaign AND label = @label
   AND destination IS NOT DISTINCT FROM nullif(@destination::text, '')
   AND (expires_at IS NULL OR expires_at > now() OR expires_at = @expires_at) AND (disabled_at IS NULL OR disabled_at > now())
 ORDER BY coalesce(expires_at = @expires_at, false) DESC, created_at, code
 LIMIT 1;
