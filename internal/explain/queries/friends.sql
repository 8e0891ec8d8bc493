-- Reads the friends of a referrer ($1), whose signups are attributed to the referrer's links now,
-- who signed up last, at most $4, before the signup ($2, $3) if it is not null. Uses
-- attribution_referrer, signup_pkey, pair_pkey and campaign_pkey.
SELECT f.user_id, f.signed_up_at, f.campaign, coalesce(p.purchase_id, ''), coalesce(p.state, ''), coalesce(p.reason, ''), coalesce(c.mode, '')
  FROM (SELECT a.user_id, s.signed_up_at, a.campaign
          FROM referral.attribution AS a
          JOIN referral.signup AS s ON s.user_id = a.user_id
         WHERE a.referrer_id = $1
           AND ($2::timestamptz IS NULL OR (s.signed_up_at, s.user_id) < ($2, $3))
         ORDER BY s.signed_up_at DESC, s.user_id DESC
         LIMIT $4) AS f
  LEFT JOIN LATERAL (SELECT purchase_id, state, reason, campaign FROM referral.pair
                      WHERE user_id = f.user_id
                      ORDER BY array_position(ARRAY['Granted', 'Held', 'Waiting', 'Reversed'], state) LIMIT 1) AS p ON true
  LEFT JOIN referral.campaign AS c ON c.name = p.campaign COLLATE "default"
 ORDER BY f.signed_up_at DESC, f.user_id DESC
