-- Finds the stored rows of given actions, and whether the code equals the given one, if any.
-- Uses action_pkey.
SELECT given.number, true, a.action_id, a.user_id, a.visitor_id, a.code, a.action, a.target, a.acted_at,
       coalesce(a.code = referral.normal_code(given.code), referral.normal_code(given.code) IS NULL)
  FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::timestamptz[]) WITH ORDINALITY
       AS given(action_id, user_id, visitor_id, code, followed, action, target, acted_at, number)
  JOIN referral.action AS a ON a.actor_id = coalesce(nullif(given.user_id, ''), given.visitor_id) AND a.action_id = given.action_id;
