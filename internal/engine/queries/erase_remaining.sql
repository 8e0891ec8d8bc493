-- Reports whether the user $1 has purchases, a signup, actions or visitors that are still to be
-- erased.
-- Uses purchase_pkey, signup_pkey, action_pkey and erasing_visitor_pkey.
SELECT EXISTS (SELECT FROM referral.purchase WHERE user_id = $1 AND NOT blanked),
       EXISTS (SELECT FROM referral.signup
                WHERE user_id = $1 AND NOT (blanked AND visitor_id IS NULL AND fingerprints = '{}' AND attributes = '{}')),
       EXISTS (SELECT FROM referral.action WHERE actor_id = $1 AND user_id = $1 AND visitor_id IS NOT NULL),
       EXISTS (SELECT FROM referral.erasing_visitor WHERE user_id = $1 AND NOT moved);
