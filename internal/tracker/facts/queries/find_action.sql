-- Finds the stored rows of given actions, and whether the code equals the given one, if any.
-- Uses action_pkey.
SELECT given.number, true, a.action_id, a.user_id, a.visitor_id, a.code, a.action, a.target, a.acted_at,
       coalesce(a.code = referral.normal_code(given.code), referral.normal_code(given.code) IS NULL)
  FROM unnest(@action_ids::text[], @user_ids::text[], @visitor_ids::text[], @codes::text[],
              @followed::text[], @actions::text[], @targets::text[],
              @acted_at::timestamptz[]) WITH ORDINALITY
       AS given(action_id, user_id, visitor_id, code, followed, action, target, acted_at, number)
  JOIN referral.action AS a ON a.actor_id = coalesce(nullif(given.user_id, ''), given.visitor_id) AND a.action_id = given.action_id;
