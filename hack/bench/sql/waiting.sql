-- Puts the purchase of every referee that has no attribution yet on the waitlist, with all rows
-- that the engine writes for it under the bench's policy and an exhausted budget: all signups are
-- by typed code, each referee has one purchase, and there is no cap. Uses no index: it reads all.

BEGIN;
TRUNCATE referral.change;

INSERT INTO referral.attribution (user_id, campaign, code, referrer_id, label, touched_at, source, facts, via, pairs, checksum)
SELECT s.user_id, l.campaign, l.code, l.referrer_id, l.label, s.signed_up_at, 'Code',
       referral.hash_of_signup(s.visitor_id, s.code, s.signed_up_at, s.arrived_at, s.fingerprints, s.attributes, s.blanked)
       # referral.hash_of_purchase(p.purchase_id, p.amount, p.currency, p.purchased_at, p.arrived_at, p.attributes, p.blanked, p.condition_held),
       referral.hash_of_link(l.code, l.campaign, l.referrer_id, l.label, l.expires_at, l.disabled_at), 1,
       referral.checksum_of_attribution(s.user_id, l.campaign, l.code, l.referrer_id, l.label, s.signed_up_at, 'Code', NULL, NULL)
  FROM referral.signup AS s
  JOIN referral.purchase AS p ON p.user_id = s.user_id
  JOIN referral.link AS l ON l.code = referral.normal_code(s.code)
  LEFT JOIN referral.attribution AS a ON a.user_id = s.user_id
 WHERE a.user_id IS NULL;

INSERT INTO referral.pair
       (user_id, purchase_id, campaign, referrer_id, revision, admission_order,
        qualified_at, matures_at, state, reason, credits, checksum)
SELECT user_id, purchase_id, campaign, referrer_id, revision, admission_order, qualified_at, purchased_at, 'Waiting', 'BudgetExhausted', 0,
       referral.checksum_of_pair(user_id, purchase_id, campaign, referrer_id, revision, admission_order, NULL,
                             qualified_at, purchased_at, now(), false, 'Waiting', 'BudgetExhausted', 0)
  FROM (SELECT *, nextval('referral.admission_order') AS admission_order
          FROM (SELECT p.user_id, p.purchase_id, p.purchased_at, a.campaign, a.referrer_id,
                       (SELECT max(r.revision) FROM referral.revision AS r WHERE r.campaign = a.campaign) AS revision,
                       greatest(a.touched_at, p.purchased_at) AS qualified_at
                  FROM referral.purchase AS p
                  JOIN referral.attribution AS a ON a.user_id = p.user_id
                  LEFT JOIN referral.pair AS decided ON decided.user_id = p.user_id
                 WHERE decided.user_id IS NULL
                 ORDER BY qualified_at, p.user_id) AS sorted) AS ordered;

INSERT INTO referral.waitlist (user_id, purchase_id, campaign, referrer_id, admission_order, growing, least_need, edit, checksum)
SELECT p.user_id, p.purchase_id, p.campaign, p.referrer_id, p.admission_order, false, 500, c.edit,
       referral.checksum_of_waiting(p.user_id, p.purchase_id, p.campaign, p.referrer_id, p.admission_order, false, 500, NULL, NULL, c.edit)
  FROM referral.pair AS p
  JOIN referral.campaign AS c ON c.name = p.campaign
 WHERE p.state = 'Waiting'
 ORDER BY p.admission_order;

INSERT INTO referral.waitlist_referrer (campaign, referrer_id, admitted, least_need)
SELECT w.campaign, w.referrer_id, coalesce(r.pairs, 0), 500
  FROM (SELECT DISTINCT campaign, referrer_id FROM referral.waitlist) AS w
  LEFT JOIN referral.referrer AS r ON r.campaign = w.campaign AND r.referrer_id = w.referrer_id;

UPDATE referral.pair_count AS c
   SET waiting = w.pairs
  FROM (SELECT campaign, count(*) AS pairs FROM referral.waitlist GROUP BY campaign) AS w
 WHERE c.campaign = w.campaign AND c.shard = (SELECT min(shard) FROM referral.pair_count AS k WHERE k.campaign = w.campaign);
COMMIT;
