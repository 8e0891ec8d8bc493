-- Links by their codes ($1), where their campaigns lead, and as which visitors
-- their referrers signed up.
-- Rides on link_pkey, campaign_pkey and signup_pkey.
SELECT l.code, l.campaign, l.referrer_id, coalesce(l.destination, ''), coalesce(c.destination, ''),
       l.expires_at, l.disabled_at, coalesce(s.visitor_id, '')
  FROM referral.link AS l
  LEFT JOIN referral.campaign AS c ON c.name = l.campaign
  LEFT JOIN referral.signup AS s ON s.user_id = l.referrer_id
 WHERE l.code = ANY ($1);
