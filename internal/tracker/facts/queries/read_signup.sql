-- Reads one signup as it is stored, with the columns of find_signup.
-- Uses signup_pkey.
SELECT user_id, visitor_id, code, signed_up_at,
       ARRAY(SELECT one FROM unnest(fingerprints) AS one WHERE one IS NOT NULL), nullif(attributes, '{}'), arrived_at, blanked,
       true, true, false, false, false
  FROM referral.signup
 WHERE user_id = $1;
