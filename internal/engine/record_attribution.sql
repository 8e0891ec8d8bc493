-- Rides on attribution_pkey.
INSERT INTO referral.attribution AS a
       (user_id, campaign, code, referrer_id, touched_at, source, visitor_id, touch_id)
SELECT user_id, campaign, code, referrer_id, touched_at, source, nullif(visitor_id, ''), nullif(touch_id, '')
  FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::text[], $7::text[], $8::text[])
       AS resolved(user_id, campaign, code, referrer_id, touched_at, source, visitor_id, touch_id)
    ON CONFLICT (user_id) DO UPDATE
   SET campaign = excluded.campaign, code = excluded.code, referrer_id = excluded.referrer_id,
       touched_at = excluded.touched_at, source = excluded.source,
       visitor_id = excluded.visitor_id, touch_id = excluded.touch_id, resolved_at = now();
