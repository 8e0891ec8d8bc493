-- Adds up the locked accounts.
UPDATE referral.account AS a
   SET available = coalesce(s.available, 0), held = coalesce(s.held, 0)
  FROM unnest($1::text[], $2::text[]) AS n(beneficiary_id, currency)
  LEFT JOIN (SELECT beneficiary_id, currency, sum(available) AS available, sum(held) AS held
               FROM (SELECT beneficiary_id, currency, amount AS available, 0 AS held
                       FROM referral.ledger WHERE beneficiary_id = ANY ($1)
                     UNION ALL
                     SELECT beneficiary_id, currency, amount, 0 FROM referral.adjustment WHERE beneficiary_id = ANY ($1)
                     UNION ALL
                     SELECT beneficiary_id, currency, -amount, 0 FROM referral.redemption WHERE beneficiary_id = ANY ($1)
                     UNION ALL
                     SELECT c.beneficiary_id, c.currency, 0, c.amount
                       FROM referral.credit AS c JOIN referral.pair AS p ON p.user_id = c.user_id AND p.purchase_id = c.purchase_id
                      WHERE p.state = 'Held' AND c.beneficiary_id = ANY ($1)) AS part
              GROUP BY beneficiary_id, currency) AS s
         ON s.beneficiary_id = n.beneficiary_id AND s.currency = n.currency
 WHERE a.beneficiary_id = n.beneficiary_id AND a.currency = n.currency;
