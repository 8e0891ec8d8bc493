-- Deletes touches that are older than the retention, and than the longest attribution window. A
-- step looks at no more than @limit touches, after those of the last step; after the last of all,
-- the next step is due a day later. A touch that an attribution rests on is kept, since the
-- attribution is decided from it until a pair is admitted. A touch that a writer has locked is left
-- to the next day. Returns whether another step is due. No row: none was, or another engine is at
-- it.
--
-- Touches are found again by ctid: the planner does not expect that a visitor has many touches, and
-- may read all of them for each.
-- Uses retention_pkey, touch_pkey, signup_visitor and attribution_pkey, and reads table campaign
-- whole.
WITH place AS MATERIALIZED (
    SELECT visitor_id, touch_id,
           now() - greatest(touches, (SELECT coalesce(max(attribution_window), 0) FROM referral.campaign)) * interval '1 microsecond' AS before
      FROM referral.retention
     WHERE id AND touches IS NOT NULL AND due_at <= now()
       FOR UPDATE SKIP LOCKED
), seen AS MATERIALIZED (
    SELECT t.ctid, t.visitor_id, t.touch_id, t.touched_at
      FROM place
     CROSS JOIN LATERAL (SELECT ctid, visitor_id, touch_id, touched_at
                           FROM referral.touch
                          WHERE (visitor_id, touch_id) > (place.visitor_id, place.touch_id)
                          ORDER BY visitor_id, touch_id
                          LIMIT @limit) AS t
), old AS MATERIALIZED (
    SELECT t.ctid
      FROM place
      JOIN seen ON seen.touched_at < place.before
      JOIN referral.touch AS t ON t.ctid = seen.ctid
     WHERE NOT EXISTS (SELECT FROM referral.signup AS s JOIN referral.attribution AS a ON a.user_id = s.user_id
                        WHERE s.visitor_id = t.visitor_id AND a.visitor_id = t.visitor_id AND a.touch_id = t.touch_id)
       FOR UPDATE OF t SKIP LOCKED
), deleted AS (
    DELETE FROM referral.touch AS t USING old
     WHERE t.ctid = old.ctid
), next AS (
    SELECT visitor_id, touch_id FROM seen
     WHERE (SELECT count(*) FROM seen) >= @limit
     ORDER BY visitor_id DESC, touch_id DESC
     LIMIT 1
)
UPDATE referral.retention AS r
   SET visitor_id = coalesce((SELECT visitor_id FROM next), ''),
       touch_id = coalesce((SELECT touch_id FROM next), ''),
       due_at = CASE WHEN EXISTS (SELECT FROM next) THEN r.due_at ELSE now() + interval '1 day' END
  FROM place
 WHERE r.id
RETURNING EXISTS (SELECT FROM next);
