-- Finds the links of given codes ($1), with the destinations of their campaigns and the visitor ids
-- of their referrers' signups: one row for each code, also for a code without a link. Uses
-- link_pkey, campaign_pkey and signup_pkey, however many codes there are.
SELECT given.code, coalesce(referral.normal_code(given.code), ''), l.code IS NOT NULL,
       coalesce(l.destination, ''), coalesce(l.campaign_destination, ''), l.expires_at, l.disabled_at, coalesce(l.visitor_id, '')
  FROM unnest($1::text[]) AS given(code)
  LEFT JOIN LATERAL (SELECT l.code, l.destination, c.destination AS campaign_destination,
                            l.expires_at, l.disabled_at, s.visitor_id
                       FROM referral.link AS l
                       LEFT JOIN referral.campaign AS c ON c.name = l.campaign COLLATE "default"
                       LEFT JOIN referral.signup AS s ON s.user_id = l.referrer_id
                      WHERE l.code = referral.normal_code(given.code)
                      LIMIT 1) AS l ON true;
