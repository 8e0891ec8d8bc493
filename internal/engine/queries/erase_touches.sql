-- Moves touches of visitor $2 of the user $1 to random visitors, one per code, each to a random
-- time of its day: at most $3, after those of the last step. A touch without a code stays under the
-- old key, so that a repeated write finds it. Skips touches that a writer has locked or changes.
-- Returns how many touches it looked at, and how many of them it moved: a trigger may keep a touch
-- as it is.
-- Touches are changed by ctid: the planner does not expect that a visitor has many touches, and may
-- read all of them for each.
--
-- If a signup of the visitor came since its signups were listed, no touch is moved, and they are
-- listed again: that signup is not decided yet, or its attribution still follows the touches. So
-- are they while a set-aside signup has no attribution although a touch gives it one.
-- Uses touch_pkey, touch_visitor, signup_visitor, attribution_pkey, change_key, set_aside_pkey,
-- pair_pkey and link_pkey.
WITH v AS MATERIALIZED (
    SELECT salt, moved_after FROM referral.erasing_visitor WHERE user_id = $1 AND visitor_id = $2
), late AS MATERIALIZED (
    SELECT
      FROM referral.signup AS s
      LEFT JOIN referral.attribution AS a ON a.user_id = s.user_id
     WHERE s.visitor_id = $2 AND s.user_id <> $1
       AND (a.visitor_id = $2
            OR a.user_id IS NULL
               AND (EXISTS (SELECT FROM referral.change AS c WHERE c.key = s.user_id AND c.kind IN ('Referee', 'Fix'))
                    OR EXISTS (SELECT FROM referral.set_aside AS f WHERE f.user_id = s.user_id)
                       AND NOT EXISTS (SELECT FROM referral.pair AS p WHERE p.user_id = s.user_id)
                       AND NOT EXISTS (SELECT FROM referral.link AS l WHERE l.code = referral.normal_code(s.code))
                       AND EXISTS (SELECT FROM referral.deciding_touch(s.user_id, s.visitor_id, s.signed_up_at))))
     LIMIT 1
), portion AS MATERIALIZED (
    SELECT ctid, touch_id, code, touched_at
      FROM referral.touch
     WHERE visitor_id = $2 AND touch_id > (SELECT moved_after FROM v) AND NOT blanked
       AND NOT EXISTS (SELECT FROM late)
     ORDER BY touch_id
     LIMIT $3
       FOR UPDATE SKIP LOCKED
), blanked_touch AS (
    UPDATE referral.touch AS t
       SET code = '', touched_at = now(), landing_url = NULL, referer = NULL, blanked = true
      FROM portion AS p
     WHERE t.ctid = p.ctid
    RETURNING p.code, p.touched_at, t.blanked
), moved AS (
    INSERT INTO referral.touch (visitor_id, touch_id, code, touched_at, blanked)
    SELECT md5(salt || coalesce(referral.normal_code(code), '')), gen_random_uuid()::text, code,
           date_trunc('day', touched_at, 'UTC') + random() * interval '1 day', true
      FROM blanked_touch, v
     WHERE blanked
), listed_again AS (
    UPDATE referral.erasing_visitor
       SET listed_after = '', listed = false, settled_after = '', settled = false
     WHERE user_id = $1 AND visitor_id = $2 AND EXISTS (SELECT FROM late)
), progress AS (
    UPDATE referral.erasing_visitor
       SET moved_after = CASE WHEN (SELECT count(*) FROM portion) < $3 THEN '' ELSE (SELECT max(touch_id) FROM portion) END
     WHERE user_id = $1 AND visitor_id = $2 AND NOT EXISTS (SELECT FROM late)
)
SELECT (SELECT count(*) FROM portion), (SELECT count(*) FROM blanked_touch WHERE blanked), EXISTS (SELECT FROM late);
