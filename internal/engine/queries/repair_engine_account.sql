-- Adds to the locked engine's rows of these accounts what they lack.
-- Uses engine_account_pkey.
UPDATE referral.engine_account AS a
   SET earned = coalesce(nullif(a.earned, 'NaN'), 0) + l.earned, held = coalesce(nullif(a.held, 'NaN'), 0) + l.held
  FROM unnest($1::text[], $2::text[], $3::text[]::numeric[], $4::text[]::numeric[]) AS l(beneficiary_id, currency, earned, held)
 WHERE a.beneficiary_id = l.beneficiary_id AND a.currency = l.currency;
