-- Finds the stored rows of given redemptions.
-- Uses redemption_pkey.
SELECT given.number, true, r.beneficiary_id, r.redemption_id, r.amount, r.currency, r.reason, r.author, r.created_at
  FROM unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::timestamptz[]) WITH ORDINALITY
       AS given(beneficiary_id, redemption_id, amount, currency, reason, author, created_at, number)
  JOIN referral.redemption AS r USING (beneficiary_id, redemption_id);
