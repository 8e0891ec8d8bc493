-- Finds the stored rows of given redemptions.
-- Uses redemption_pkey.
SELECT given.number, true, r.beneficiary_id, r.redemption_id, r.amount, r.currency, r.reason, r.author, r.created_at
  FROM unnest(@beneficiary_ids::text[], @redemption_ids::text[], @amounts::bigint[],
              @currencies::text[], @reasons::text[], @authors::text[],
              @created_at::timestamptz[]) WITH ORDINALITY
       AS given(beneficiary_id, redemption_id, amount, currency, reason, author, created_at, number)
  JOIN referral.redemption AS r USING (beneficiary_id, redemption_id);
