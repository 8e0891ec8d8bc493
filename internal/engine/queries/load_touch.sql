-- Reads the deciding touch of each signup, with its link. The parameters are user_ids, visitor_ids
-- and times of signup.
-- Uses touch_visitor and link_pkey, in deciding_touch.
SELECT s.user_id, s.visitor_id, t.*,
       referral.hash_of_touch(t.touch_id, t.touched_at, t.code, t.campaign, t.referrer_id, t.label, t.expires_at, t.disabled_at)
  FROM unnest($1::text[], $2::text[], $3::timestamptz[]) AS s(user_id, visitor_id, signed_up_at)
 CROSS JOIN LATERAL referral.deciding_touch(s.user_id, s.visitor_id, s.signed_up_at) AS t;
