-- Inserts new redemptions; a trigger subtracts them from their accounts, or refuses.
-- Uses redemption_pkey.
INSERT INTO referral.redemption (beneficiary_id, redemption_id, amount, currency, reason, author, created_at)
SELECT beneficiary_id, redemption_id, amount, currency, reason, author, coalesce(created_at, now())
  FROM unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::timestamptz[])
       AS given(beneficiary_id, redemption_id, amount, currency, reason, author, created_at)
    ON CONFLICT (beneficiary_id, redemption_id) DO NOTHING
RETURNING beneficiary_id, redemption_id, amount, currency, reason, author, created_at;
