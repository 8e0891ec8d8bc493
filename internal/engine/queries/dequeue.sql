-- Dequeues the oldest $4 changes of each locked shard ($1), beginning with its oldest change ($2,
-- $3). If a shard has more, other changes of the same keys are dequeued with them, up to a hundred
-- per key, so that a backlog is decided once per key and not once per change. Everything read from
-- here on is at least as new as the dequeued changes.
--
-- The limit of a hundred also keeps the planner, to which the queue looks empty, from reading
-- change_key whole.
-- Uses change_pkey, and change_key for a shard that has more.
WITH oldest AS MATERIALIZED (
    SELECT first.shard, head.place, head.kind, head.key
      FROM unnest($1::smallint[], $2::text[], $3::bigint[]) AS first(shard, xid, id)
     CROSS JOIN LATERAL (SELECT c.ctid AS place, c.kind, c.key
                           FROM referral.change AS c
                          WHERE c.shard = first.shard AND (c.xid, c.id) >= (first.xid::xid8, first.id)
                          ORDER BY c.xid, c.id
                          LIMIT $4) AS head
), backlog AS MATERIALIZED (
    SELECT shard FROM oldest GROUP BY shard HAVING count(*) = $4
)
DELETE FROM referral.change
 WHERE ctid = ANY (ARRAY(SELECT place FROM oldest
                         UNION ALL
                         SELECT same.place
                           FROM (SELECT DISTINCT kind, key FROM oldest WHERE shard IN (SELECT shard FROM backlog)) AS o
                          CROSS JOIN LATERAL (SELECT c.ctid AS place
                                                FROM referral.change AS c
                                               WHERE c.key = o.key AND c.kind = o.kind
                                               LIMIT 100) AS same))
RETURNING kind, key, stage, resume_after;
