-- Reads, for signups without a deciding touch, the newest touch of each campaign, which explains
-- why. The parameters are user_ids, visitor_ids and times of signup. Only the newest thousand
-- touches of a signup are read, so that the result is bounded.
-- Uses touch_visitor and link_pkey.
SELECT DISTINCT ON (s.user_id, l.campaign)
       s.user_id, s.visitor_id, t.touch_id, t.touched_at, l.code, l.campaign, l.referrer_id, l.label, l.expires_at, l.disabled_at, 0::bigint
  FROM unnest($1::text[], $2::text[], $3::timestamptz[]) AS s(user_id, visitor_id, signed_up_at)
 CROSS JOIN LATERAL (SELECT touch_id, touched_at, code
                       FROM referral.touch
                      WHERE touch.visitor_id = s.visitor_id AND touched_at <= s.signed_up_at
                      ORDER BY touched_at DESC
                      LIMIT 1000) AS t
  JOIN referral.link AS l ON l.code = referral.normal_code(t.code)
  JOIN referral.campaign AS c ON c.name = l.campaign COLLATE "default"
 WHERE l.referrer_id <> s.user_id
   AND (l.expires_at IS NULL OR t.touched_at < l.expires_at)
   AND (l.disabled_at IS NULL OR t.touched_at < l.disabled_at)
 ORDER BY s.user_id, l.campaign, t.touched_at DESC;
