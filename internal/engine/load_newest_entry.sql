-- The newest entry of the engine's own about each purchase that it has granted
-- anything for.
-- Rides on ledger_pkey.
SELECT DISTINCT ON (user_id, purchase_id) user_id, purchase_id, campaign, revision, reason
  FROM referral.ledger AS l
 WHERE user_id = ANY ($1) AND decided
   AND EXISTS (SELECT FROM referral.ledger AS g
                WHERE g.user_id = l.user_id AND g.purchase_id = l.purchase_id AND g.decided AND g.amount > 0)
 ORDER BY user_id, purchase_id, entry_id DESC;
