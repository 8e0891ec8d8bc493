-- The baseline: computes all credits of a campaign inside the database, one INSERT … SELECT per
-- result table, one transaction each. It fills the same tables, with the same indexes, with the
-- same rows, hashes and checksums included, as the engine under the bench's policy ($5 to the
-- referrer for the first purchase of each referee, no hold), if all signups are by typed code, all
-- have purchases, and nothing has been decided before. It supports nothing else: no touches, no
-- holds, no second run. Uses no index: it reads all.

BEGIN;
INSERT INTO referral.attribution (user_id, campaign, code, referrer_id, label, touched_at, source, facts, pairs, checksum)
SELECT s.user_id, l.campaign, l.code, l.referrer_id, l.label, s.signed_up_at, 'Code',
       referral.hash_of_signup(s.visitor_id, s.code, s.signed_up_at, s.arrived_at, s.fingerprints, s.attributes, s.blanked) # p.hash, 1,
       referral.checksum_of_attribution(s.user_id, l.campaign, l.code, l.referrer_id, l.label, s.signed_up_at, 'Code', NULL, NULL)
  FROM referral.signup AS s
  JOIN (SELECT user_id, bit_xor(referral.hash_of_purchase(purchase_id, amount, currency, purchased_at, arrived_at, attributes, blanked, condition_held)) AS hash
          FROM referral.purchase
         GROUP BY user_id) AS p ON p.user_id = s.user_id
  JOIN referral.link AS l ON l.code = referral.normal_code(s.code)
  JOIN referral.campaign AS c ON c.name = l.campaign AND c.mode = 'Open'
 WHERE (l.expires_at > s.signed_up_at) IS NOT FALSE
   AND (l.disabled_at > s.signed_up_at) IS NOT FALSE
   AND (c.starts_at <= s.signed_up_at) IS NOT FALSE
   AND (c.ends_at > s.signed_up_at) IS NOT FALSE;
COMMIT;

BEGIN;
INSERT INTO referral.pair
       (user_id, purchase_id, campaign, referrer_id, revision, admission_order, ordinal,
        qualified_at, matures_at, state, reason, credits, checksum)
SELECT user_id, purchase_id, campaign, referrer_id, 1, admission_order, ordinal, qualified_at, purchased_at, 'Granted', 'Qualified', 1,
       referral.checksum_of_pair(user_id, purchase_id, campaign, referrer_id, 1, admission_order, ordinal,
                             qualified_at, purchased_at, now(), false, 'Granted', 'Qualified', 1)
  FROM (SELECT *, nextval('referral.admission_order') AS admission_order,
               row_number() OVER (PARTITION BY campaign, referrer_id ORDER BY qualified_at, user_id) AS ordinal
          FROM (SELECT DISTINCT ON (p.user_id)
                       p.user_id, p.purchase_id, p.purchased_at, a.campaign, a.referrer_id,
                       greatest(a.touched_at, p.purchased_at) AS qualified_at
                  FROM referral.purchase AS p
                  JOIN referral.attribution AS a ON a.user_id = p.user_id
                  LEFT JOIN (SELECT user_id, purchase_id, sum(amount) AS amount
                               FROM referral.refund
                              GROUP BY user_id, purchase_id) AS r ON r.user_id = p.user_id AND r.purchase_id = p.purchase_id
                 WHERE p.purchased_at >= a.touched_at AND p.amount > coalesce(r.amount, 0)
                 ORDER BY p.user_id, p.purchased_at, p.purchase_id) AS first) AS ordered;
COMMIT;

BEGIN;
INSERT INTO referral.credit (user_id, purchase_id, reward, campaign, beneficiary_id, currency, amount, checksum)
SELECT user_id, purchase_id, 'inviter', campaign, referrer_id, 'USD', 500,
       referral.checksum_of_credit(user_id, purchase_id, 'inviter', campaign, referrer_id, 'USD', 500)
  FROM referral.pair
 WHERE state = 'Granted';
COMMIT;

BEGIN;
INSERT INTO referral.ledger
       (user_id, purchase_id, reward, seq, campaign, revision, beneficiary_id, amount, currency, kind, reason, checksum)
SELECT c.user_id, c.purchase_id, c.reward, 1, c.campaign, p.revision, c.beneficiary_id, c.amount, c.currency, 'Grant', p.reason,
       referral.checksum_of_entry(c.user_id, c.purchase_id, c.reward, 1, c.campaign, p.revision, c.beneficiary_id, c.amount, c.currency, 'Grant', p.reason)
  FROM referral.credit AS c
  JOIN referral.pair AS p ON p.user_id = c.user_id AND p.purchase_id = c.purchase_id;
COMMIT;

BEGIN;
INSERT INTO referral.engine_account (beneficiary_id, currency, earned)
SELECT beneficiary_id, currency, sum(amount)
  FROM referral.ledger
 GROUP BY beneficiary_id, currency;
COMMIT;

BEGIN;
INSERT INTO referral.referrer (campaign, referrer_id, pairs)
SELECT campaign, referrer_id, count(*)
  FROM referral.pair
 WHERE state IN ('Held', 'Granted')
 GROUP BY campaign, referrer_id;
COMMIT;

BEGIN;
INSERT INTO referral.pair_count (campaign, shard, granted)
SELECT campaign, 0, count(*)
  FROM referral.pair
 GROUP BY campaign;
COMMIT;

BEGIN;
INSERT INTO referral.credit_count (campaign, shard, currency, granted)
SELECT campaign, 0, currency, sum(amount)
  FROM referral.ledger
 GROUP BY campaign, currency;
COMMIT;
