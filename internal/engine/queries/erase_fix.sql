-- Fixes the attributions by touch of these referees: they no longer name a touch. The checksum
-- follows, unless it was wrong before.
-- Uses attribution_pkey.
UPDATE referral.attribution
   SET visitor_id = NULL, touch_id = NULL, via = NULL,
       checksum = CASE WHEN checksum = referral.checksum_of_attribution(user_id, campaign, code, referrer_id, label, touched_at, source, visitor_id, touch_id)
                   THEN referral.checksum_of_attribution(user_id, campaign, code, referrer_id, label, touched_at, source, NULL, NULL)
                   ELSE checksum END
 WHERE user_id = ANY ($1) AND source = 'Touch' AND visitor_id IS NOT NULL;
