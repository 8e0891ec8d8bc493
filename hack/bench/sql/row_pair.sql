-- Records a granted pair, one statement per pair.
INSERT INTO referral.pair
       (user_id, purchase_id, campaign, referrer_id, revision, admission_order, ordinal, qualified_at, matures_at, state, reason)
VALUES ($1, $2, $3, $4, 1, nextval('referral.admission_order'), 1, $5, $5, 'Granted', 'Qualified');
