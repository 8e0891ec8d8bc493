-- Gives stored signups without a visitor the visitors that became known later, while the signups
-- are not attributed. An erased signup stays without one.
-- Uses signup_pkey and attribution_pkey.
UPDATE referral.signup AS s SET visitor_id = given.visitor_id
  FROM unnest(@user_ids::text[], @visitor_ids::text[]) AS given(user_id, visitor_id)
 WHERE s.user_id = given.user_id AND s.visitor_id IS NULL AND NOT s.blanked
   AND NOT EXISTS (SELECT FROM referral.attribution AS a WHERE a.user_id = s.user_id)
RETURNING s.user_id;
