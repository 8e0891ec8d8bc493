-- Reads the touch that would decide each signup if the campaigns were as given, with its link; like
-- deciding_touch, which reads them as they are declared.
-- Uses touch_visitor and link_pkey.
SELECT s.user_id, s.visitor_id, t.*, 0::bigint
  FROM unnest(@user_ids::text[], @visitor_ids::text[], @signed_up_at::timestamptz[]) AS s(user_id, visitor_id, signed_up_at)
 CROSS JOIN LATERAL (SELECT t.touch_id, t.touched_at, l.code, l.campaign, l.referrer_id, l.label, l.expires_at, l.disabled_at
                       FROM referral.touch AS t
                       JOIN referral.link AS l ON l.code = referral.normal_code(t.code)
                       JOIN unnest(@campaigns::text[], @starts_at::timestamptz[], @ends_at::timestamptz[], @windows::bigint[])
                            AS c(name, starts_at, ends_at, attribution_window) ON c.name = l.campaign
                      WHERE t.visitor_id = s.visitor_id AND t.touched_at <= s.signed_up_at
                        AND (l.expires_at IS NULL OR t.touched_at < l.expires_at)
                        AND (l.disabled_at IS NULL OR t.touched_at < l.disabled_at)
                        AND l.referrer_id <> s.user_id
                        AND (c.starts_at IS NULL OR s.signed_up_at >= c.starts_at)
                        AND (c.ends_at IS NULL OR s.signed_up_at < c.ends_at)
                        AND s.signed_up_at - timestamptz '2000-01-01 00:00:00+00'
                            <= c.attribution_window * interval '1 microsecond' - (timestamptz '2000-01-01 00:00:00+00' - t.touched_at)
                      ORDER BY CASE WHEN @last_touch::bool THEN t.touched_at END DESC, t.touched_at,
                               referral.normal_code(t.code) COLLATE "C", t.touch_id
                      LIMIT 1) AS t;
