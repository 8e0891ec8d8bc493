-- Sets the writers' rows of these accounts to the sums of adjustments and redemptions. An earlier
-- statement locked the rows, so this one sees all facts that they include. A fact that it does not
-- see is added by its writer after the lock ends.
-- Uses adjustment_pkey and redemption_pkey.
UPDATE referral.writer_account AS w
   SET adjusted = coalesce(a.amount, 0), redeemed = coalesce(r.amount, 0)
  FROM unnest($1::text[], $2::text[]) AS n(beneficiary_id, currency)
  LEFT JOIN (SELECT beneficiary_id, currency, sum(amount) AS amount
               FROM referral.adjustment WHERE beneficiary_id = ANY ($1)
              GROUP BY beneficiary_id, currency) AS a
         ON a.beneficiary_id = n.beneficiary_id AND a.currency = n.currency
  LEFT JOIN (SELECT beneficiary_id, currency, sum(amount) AS amount
               FROM referral.redemption WHERE beneficiary_id = ANY ($1)
              GROUP BY beneficiary_id, currency) AS r
         ON r.beneficiary_id = n.beneficiary_id AND r.currency = n.currency
 WHERE w.beneficiary_id = n.beneficiary_id AND w.currency = n.currency;
