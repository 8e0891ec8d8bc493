-- Inserts attributions. Rows that differed have been deleted before. Uses no index.
INSERT INTO referral.attribution
       (user_id, campaign, code, referrer_id, label, touched_at, source, visitor_id, touch_id, facts, via, pairs, checksum)
SELECT user_id, campaign, code, referrer_id, label, touched_at, source, nullif(visitor_id, ''), nullif(touch_id, ''), facts, via, pairs,
       referral.checksum_of_attribution(user_id, campaign, code, referrer_id, label, touched_at, source, nullif(visitor_id, ''), nullif(touch_id, ''))
  FROM unnest(@user_ids::text[], @campaigns::text[], @codes::text[], @referrer_ids::text[], @labels::text[], @touched_at::timestamptz[], @sources::text[], @visitor_ids::text[], @touch_ids::text[],
              @facts::bigint[], @via::bigint[], @pairs::int[])
       AS resolved(user_id, campaign, code, referrer_id, label, touched_at, source, visitor_id, touch_id, facts, via, pairs);
