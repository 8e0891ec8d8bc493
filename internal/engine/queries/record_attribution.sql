-- What is recorded differently has been removed before.
INSERT INTO referral.attribution
       (user_id, campaign, code, referrer_id, label, touched_at, source, visitor_id, touch_id, facts, via, pairs, checksum)
SELECT user_id, campaign, code, referrer_id, label, touched_at, source, nullif(visitor_id, ''), nullif(touch_id, ''), facts, via, pairs,
       referral.checksum_of_attribution(user_id, campaign, code, referrer_id, label, touched_at, source, nullif(visitor_id, ''), nullif(touch_id, ''))
  FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::timestamptz[], $7::text[], $8::text[], $9::text[],
              $10::bigint[], $11::bigint[], $12::int[])
       AS resolved(user_id, campaign, code, referrer_id, label, touched_at, source, visitor_id, touch_id, facts, via, pairs);
