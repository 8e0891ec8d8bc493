-- Pairs that were decided before and are decided differently now. One that is
-- admitted again goes to the end of the queue.
-- Rides on pair_pkey.
UPDATE referral.pair AS p
   SET campaign = d.campaign, referrer_id = d.referrer_id, revision = d.revision,
       admission_order = CASE WHEN d.admitted THEN nextval('referral.admission_order') ELSE p.admission_order END,
       ordinal = coalesce(d.ordinal, p.ordinal),
       qualified_at = d.qualified_at, matures_at = d.matures_at,
       state = d.state, reason = d.reason, due_at = d.due_at, decided_at = now()
  FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::int[], $6::bigint[],
              $7::timestamptz[], $8::timestamptz[], $9::text[], $10::text[], $11::timestamptz[], $12::bool[])
       AS d(user_id, purchase_id, campaign, referrer_id, revision, ordinal,
            qualified_at, matures_at, state, reason, due_at, admitted)
 WHERE p.user_id = d.user_id AND p.purchase_id = d.purchase_id;
