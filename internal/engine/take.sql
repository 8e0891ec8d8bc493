-- Dequeues the oldest $4 changes of each locked shard ($1), from the first one on
-- ($2 and $3). Where a shard has more, all other changes of the same keys are
-- dequeued with them, so that a backlog is decided once for each key and not for
-- each change. What is read from here on is at least as new as what was dequeued.
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
), emptied AS (
    DELETE FROM referral.change
     WHERE ctid = ANY (ARRAY(SELECT place FROM oldest WHERE shard NOT IN (SELECT shard FROM backlog)))
    RETURNING kind, key, resume_after
), ahead AS (
    DELETE FROM referral.change AS c
     USING (SELECT DISTINCT shard, kind, key FROM oldest WHERE shard IN (SELECT shard FROM backlog)) AS o
     WHERE c.shard = o.shard AND c.key = o.key AND c.kind = o.kind
    RETURNING c.kind, c.key, c.resume_after
)
SELECT kind, key, resume_after FROM emptied
UNION ALL
SELECT kind, key, resume_after FROM ahead;
