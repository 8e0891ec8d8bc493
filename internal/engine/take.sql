-- Dequeues the oldest $4 changes of each locked shard ($1), from the first one on
-- ($2 and $3). Changes of one key are decided once where they are dequeued
-- together; one that comes later finds nothing to change. What is read from here on
-- is at least as new as what was dequeued.
-- Uses change_pkey.
DELETE FROM referral.change
 WHERE ctid = ANY (ARRAY(SELECT oldest.ctid
                           FROM unnest($1::smallint[], $2::text[], $3::bigint[]) AS first(shard, xid, id)
                          CROSS JOIN LATERAL (SELECT c.ctid
                                                FROM referral.change AS c
                                               WHERE c.shard = first.shard AND (c.xid, c.id) >= (first.xid::xid8, first.id)
                                               ORDER BY c.xid, c.id
                                               LIMIT $4) AS oldest))
RETURNING kind, key, resume_after;
