-- Finds which of the users $1 have a pair.
-- Uses pair_pkey.
SELECT u.user_id
  FROM unnest($1::text[]) AS u(user_id)
 WHERE EXISTS (SELECT FROM referral.pair AS p WHERE p.user_id = u.user_id);
