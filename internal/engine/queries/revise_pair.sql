-- Updates pairs that are decided differently now. A pair that counts again gets a new admission
-- order.
-- Uses pair_pkey.
UPDATE referral.pair AS p
   SET campaign = d.campaign, referrer_id = d.referrer_id, revision = d.revision,
       admission_order = coalesce(d.admission_order, p.admission_order),
       counted_at = CASE WHEN d.admission_order IS NULL THEN p.counted_at ELSE now() END,
       ordinal = nullif(d.ordinal, 0), qualified_at = d.qualified_at, matures_at = d.matures_at,
       state = d.state, reason = d.reason, allowed = d.allowed, postponed = false, decided_at = now(),
       credits = d.credits,
       checksum = referral.checksum_of_pair(p.user_id, p.purchase_id, d.campaign, d.referrer_id, d.revision,
                                    coalesce(d.admission_order, p.admission_order), nullif(d.ordinal, 0), d.qualified_at, d.matures_at,
                                    CASE WHEN d.admission_order IS NULL THEN p.counted_at ELSE now() END,
                                    d.allowed, d.state, d.reason, d.credits)
  FROM unnest(@user_ids::text[], @purchase_ids::text[], @campaigns::text[], @referrer_ids::text[], @revisions::int[], @admission_orders::bigint[], @ordinals::bigint[],
              @qualified_at::timestamptz[], @matures_at::timestamptz[], @states::text[], @reasons::text[], @allowed::bool[], @credits::int[])
       AS d(user_id, purchase_id, campaign, referrer_id, revision, admission_order, ordinal,
            qualified_at, matures_at, state, reason, allowed, credits)
 WHERE p.user_id = d.user_id AND p.purchase_id = d.purchase_id;
