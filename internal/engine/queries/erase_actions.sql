-- Removes the visitor from at most $2 actions of the user $1. Skips actions that a writer has
-- locked. The rows of a portion are changed by ctid: the planner does not expect that a user has
-- many rows, and may read all of them for each.
-- Uses action_pkey.
WITH portion AS MATERIALIZED (
    SELECT ctid
      FROM referral.action
     WHERE actor_id = $1 AND user_id = $1 AND visitor_id IS NOT NULL
     LIMIT $2
       FOR UPDATE SKIP LOCKED
)
UPDATE referral.action AS a
   SET visitor_id = NULL
  FROM portion
 WHERE a.ctid = portion.ctid;
