-- The baseline of a resync: an anti-join in both directions between what pairs should earn under
-- the bench's policy and their ledger entries. It has no other rules, no counters, no ranges, and
-- repairs nothing. Uses no index: it reads all.
WITH desired AS MATERIALIZED (
    SELECT a.user_id, p.purchase_id, 'inviter' COLLATE "C" AS reward, a.campaign, a.referrer_id AS beneficiary_id, 500::bigint AS amount
      FROM referral.attribution AS a
      JOIN referral.signup AS s ON s.user_id = a.user_id
      JOIN referral.purchase AS p ON p.user_id = a.user_id
      LEFT JOIN (SELECT user_id, purchase_id, sum(amount) AS amount
                   FROM referral.refund
                  GROUP BY user_id, purchase_id) AS r ON r.user_id = p.user_id AND r.purchase_id = p.purchase_id
     WHERE p.purchased_at >= a.touched_at AND p.amount > coalesce(r.amount, 0)
), issued AS MATERIALIZED (
    SELECT c.user_id, c.purchase_id, c.reward, c.campaign, c.beneficiary_id, l.amount
      FROM referral.pair AS p
      JOIN referral.credit AS c ON c.user_id = p.user_id AND c.purchase_id = p.purchase_id
      JOIN (SELECT user_id, purchase_id, reward, sum(amount)::bigint AS amount
              FROM referral.ledger
             GROUP BY user_id, purchase_id, reward) AS l
        ON l.user_id = c.user_id AND l.purchase_id = c.purchase_id AND l.reward = c.reward
)
SELECT (SELECT count(*)
          FROM desired AS d
         WHERE NOT EXISTS (SELECT FROM issued AS i
                            WHERE i.user_id = d.user_id AND i.purchase_id = d.purchase_id AND i.reward = d.reward AND i.amount = d.amount))
     + (SELECT count(*)
          FROM issued AS i
         WHERE NOT EXISTS (SELECT FROM desired AS d
                            WHERE i.user_id = d.user_id AND i.purchase_id = d.purchase_id AND i.reward = d.reward AND i.amount = d.amount));
