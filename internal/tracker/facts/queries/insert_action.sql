-- Inserts new actions. An action without a code is counted for the link that the user's signup is
-- attributed to, else for the one that the visitor followed last. A followed code that is longer in
-- lower case than any link's is no link's, and left out.
-- Uses action_pkey, attribution_pkey and touch_visitor.
INSERT INTO referral.action (action_id, user_id, visitor_id, code, action, target, acted_at)
SELECT action_id, nullif(user_id, ''), nullif(visitor_id, ''),
       coalesce(referral.normal_code(code),
                (SELECT a.code FROM referral.attribution AS a WHERE a.user_id = given.user_id),
                (SELECT f.code FROM referral.normal_code(followed) AS f (code) WHERE length(f.code) <= 255),
                (SELECT referral.normal_code(t.code) FROM referral.touch AS t
                  WHERE t.visitor_id = given.visitor_id AND NOT t.blanked AND t.touched_at <= coalesce(given.acted_at, now())
                    AND length(referral.normal_code(t.code)) <= 255
                  ORDER BY t.touched_at DESC, referral.normal_code(t.code), t.touch_id LIMIT 1)),
       action, target, coalesce(acted_at, now())
  FROM unnest(@action_ids::text[], @user_ids::text[], @visitor_ids::text[], @codes::text[],
              @followed::text[], @actions::text[], @targets::text[],
              @acted_at::timestamptz[])
       AS given(action_id, user_id, visitor_id, code, followed, action, target, acted_at)
    ON CONFLICT (actor_id, action_id) DO NOTHING
RETURNING action_id, user_id, visitor_id, code, action, target, acted_at, true;
