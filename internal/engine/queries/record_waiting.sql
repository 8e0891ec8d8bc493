-- Inserts rows of the waitlist, or replaces what they record.
-- Uses waitlist_pkey.
INSERT INTO referral.waitlist AS w
       (user_id, purchase_id, campaign, referrer_id, admission_order, growing, least_need, tier_starts, tier_needs, edit, checksum)
SELECT d.user_id, d.purchase_id, d.campaign, d.referrer_id, d.admission_order, d.growing, d.least_need, d.tier_starts, d.tier_needs, d.edit,
       referral.checksum_of_waiting(d.user_id, d.purchase_id, d.campaign, d.referrer_id, d.admission_order, d.growing,
                                    d.least_need, d.tier_starts, d.tier_needs, d.edit)
  FROM (SELECT user_id, purchase_id, campaign, referrer_id, admission_order, growing, least_need,
               tier_starts::bigint[], tier_needs::bigint[], edit
          FROM unnest(@user_ids::text[], @purchase_ids::text[], @campaigns::text[], @referrer_ids::text[], @admission_orders::bigint[], @growing::bool[], @least_needs::bigint[], @tier_starts::text[], @tier_needs::text[], @edits::bigint[])
               AS joins(user_id, purchase_id, campaign, referrer_id, admission_order, growing, least_need, tier_starts, tier_needs, edit)) AS d
    ON CONFLICT (user_id, purchase_id) DO UPDATE
   SET campaign = excluded.campaign, referrer_id = excluded.referrer_id, admission_order = excluded.admission_order,
       growing = excluded.growing, least_need = excluded.least_need, tier_starts = excluded.tier_starts,
       tier_needs = excluded.tier_needs, edit = excluded.edit, passed_over = false, checksum = excluded.checksum;
