-- Sets the locked engine's rows of these accounts to the sums of ledger entries and of the credits
-- of held pairs.
-- Reads ledger, credit and pair whole.
UPDATE referral.engine_account AS a
   SET earned = coalesce(l.earned, 0), held = coalesce(h.held, 0)
  FROM unnest($1::text[], $2::text[]) AS n(beneficiary_id, currency)
  LEFT JOIN (SELECT beneficiary_id, currency, sum(amount) AS earned
               FROM referral.ledger WHERE beneficiary_id = ANY ($1)
              GROUP BY beneficiary_id, currency) AS l
         ON l.beneficiary_id = n.beneficiary_id AND l.currency = n.currency
  LEFT JOIN (SELECT c.beneficiary_id, c.currency, sum(c.amount) AS held
               FROM referral.credit AS c JOIN referral.pair AS p ON p.user_id = c.user_id AND p.purchase_id = c.purchase_id
              WHERE p.state = 'Held' AND c.beneficiary_id = ANY ($1)
              GROUP BY c.beneficiary_id, c.currency) AS h
         ON h.beneficiary_id = n.beneficiary_id AND h.currency = n.currency
 WHERE a.beneficiary_id = n.beneficiary_id AND a.currency = n.currency;
