-- What is recorded differently has been removed before.
INSERT INTO referral.attribution
       (user_id, campaign, code, referrer_id, label, touched_at, source, visitor_id, touch_id)
SELECT user_id, campaign, code, referrer_id, label, touched_at, source, nullif(visitor_id, ''), nullif(touch_id, '')
  FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::timestamptz[], $7::text[], $8::text[], $9::text[])
       AS resolved(user_id, campaign, code, referrer_id, label, touched_at, source, visitor_id, touch_id);
