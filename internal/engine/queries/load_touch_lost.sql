-- Reads the touch that led to an admitted pair whose attribution is lost: by the attribution model,
-- the first or last touch of a link of the pair's campaign and referrer before the signup, whatever
-- has become of that link since.
-- Uses touch_visitor and link_pkey.
SELECT s.user_id, s.visitor_id, t.*, 0::bigint
  FROM unnest(@user_ids::text[], @visitor_ids::text[], @signed_up_at::timestamptz[], @campaigns::text[], @referrer_ids::text[]) AS s(user_id, visitor_id, signed_up_at, campaign, referrer_id)
 CROSS JOIN LATERAL (SELECT t.touch_id, t.touched_at, l.code, l.campaign, l.referrer_id, l.label, l.expires_at, l.disabled_at
                       FROM referral.touch AS t
                       JOIN referral.link AS l ON l.code = referral.normal_code(t.code)
                      WHERE t.visitor_id = s.visitor_id AND t.touched_at <= s.signed_up_at
                        AND l.campaign = s.campaign AND l.referrer_id = s.referrer_id
                      ORDER BY CASE (SELECT attribution FROM referral.meta)
                                    WHEN 'FirstTouch' THEN t.touched_at - s.signed_up_at ELSE s.signed_up_at - t.touched_at END,
                               l.code, t.touch_id
                      LIMIT 1) AS t;
