-- Reads the touch that led to an admitted pair whose attribution is lost: by the attribution model,
-- the first or last touch of a link of the pair's campaign and referrer up to the latest time that
-- it can have, whatever has become of that link since.
-- Uses touch_visitor and link_pkey.
SELECT s.user_id, s.visitor_id, t.*, 0::bigint
  FROM unnest(@user_ids::text[], @visitor_ids::text[], @campaigns::text[], @referrer_ids::text[], @latest::timestamptz[]) AS s(user_id, visitor_id, campaign, referrer_id, latest)
 CROSS JOIN LATERAL (SELECT t.touch_id, t.touched_at, l.code, l.campaign, l.referrer_id, l.label, l.expires_at, l.disabled_at
                       FROM referral.touch AS t
                       JOIN referral.link AS l ON l.code = referral.normal_code(t.code)
                      WHERE t.visitor_id = s.visitor_id AND t.touched_at <= s.latest
                        AND l.campaign = s.campaign AND l.referrer_id = s.referrer_id
                      ORDER BY CASE WHEN (SELECT attribution FROM referral.meta) = 'LastTouch' THEN t.touched_at END DESC, t.touched_at,
                               l.code, t.touch_id
                      LIMIT 1) AS t;
