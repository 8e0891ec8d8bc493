-- Adds to the locked referrers' counters the admitted pairs that they lack.
-- Uses referrer_pkey.
UPDATE referral.referrer AS r
   SET pairs = coalesce(r.pairs, 0) + l.pairs
  FROM unnest($1::text[], $2::text[], $3::text[]::numeric[]) AS l(campaign, referrer_id, pairs)
 WHERE r.campaign = l.campaign AND r.referrer_id = l.referrer_id;
