-- Removes the visitor from at most $2 actions of the user $1, and returns from how many it did: a
-- trigger may keep a row as it is. Skips actions that a writer has locked. The rows of a portion are
-- changed by ctid: the planner does not expect that a user has many rows, and may read all of them
-- for each.
-- Uses action_pkey.
WITH portion AS MATERIALIZED (
    SELECT ctid
      FROM referral.action
     WHERE actor_id = $1 AND user_id = $1 AND visitor_id IS NOT NULL
     LIMIT $2
       FOR UPDATE SKIP LOCKED
), changed AS (
    UPDATE referral.action AS a
       SET visitor_id = NULL
      FROM portion
     WHERE a.ctid = portion.ctid
    RETURNING a.visitor_id
)
SELECT count(*) FROM changed WHERE visitor_id IS NULL;
