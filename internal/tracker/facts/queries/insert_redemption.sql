-- Inserts new redemptions; a trigger subtracts them from their accounts, or refuses. Uses
-- redemption_pkey.
INSERT INTO referral.redemption (beneficiary_id, redemption_id, amount, currency, reason, author, created_at)
SELECT beneficiary_id, redemption_id, amount, currency, reason, author, coalesce(created_at, now())
  FROM unnest(@beneficiary_ids::text[], @redemption_ids::text[], @amounts::bigint[],
              @currencies::text[], @reasons::text[], @authors::text[],
              @created_at::timestamptz[])
       AS given(beneficiary_id, redemption_id, amount, currency, reason, author, created_at)
    ON CONFLICT (beneficiary_id, redemption_id) DO NOTHING
RETURNING beneficiary_id, redemption_id, amount, currency, reason, author, created_at;
