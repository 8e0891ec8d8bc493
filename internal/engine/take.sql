-- Takes the oldest $2 changes of each locked shard off the list, and with them
-- every other change of the same key: it is decided once, not once a change.
-- What is read from here on is at least as new as what was taken.
-- Rides on change_pkey for the head and change_key for the rest.
WITH taken AS (
    DELETE FROM referral.change AS c
     USING (SELECT DISTINCT head.shard, head.kind, head.key
              FROM unnest($1::smallint[]) AS s(shard)
             CROSS JOIN LATERAL (SELECT h.shard, h.kind, h.key
                                   FROM referral.change AS h
                                  WHERE h.shard = s.shard
                                  ORDER BY h.id
                                  LIMIT $2) AS head) AS oldest
     WHERE c.shard = oldest.shard AND c.kind = oldest.kind AND c.key = oldest.key
    RETURNING c.kind, c.key, c.resume_after
)
SELECT kind, key, min(resume_after) AS resume_after
  FROM taken
 GROUP BY kind, key;
