-- Writes codes as they are compared; blank ones are ''. Uses no index.
SELECT coalesce(referral.normal_code(code), '')
  FROM unnest($1::text[]) WITH ORDINALITY AS given(code, number)
 ORDER BY number;
