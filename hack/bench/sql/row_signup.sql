-- Reads the link that a referee's signup belongs to. Uses signup_pkey and link_pkey.
SELECT l.code, l.referrer_id, s.signed_up_at
  FROM referral.signup AS s
  JOIN referral.link AS l ON l.code = referral.normal_code(s.code)
 WHERE s.user_id = $1;
