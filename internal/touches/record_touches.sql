-- Records touches, in one order so that two writers do not wait for each other.
-- A touch that is there already, from a retried write or from its visitor's
-- signup, stays as it is.
-- Rides on touch_pkey.
INSERT INTO referral.touch (visitor_id, touch_id, code, touched_at, landing_url, referer)
SELECT visitor_id, touch_id, code, touched_at, nullif(landing_url, ''), nullif(referer, '')
  FROM unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[], $5::text[], $6::text[])
       AS t (visitor_id, touch_id, code, touched_at, landing_url, referer)
 ORDER BY visitor_id, touch_id
    ON CONFLICT (visitor_id, touch_id) DO NOTHING;
