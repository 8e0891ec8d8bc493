-- Takes the writes since the last call, commit by commit. Leaves out the counter of errors in
-- conditions, which grows at each repeated decision. Uses no index.
WITH gone AS (DELETE FROM proof.writes RETURNING id, tx, of, was, is_now)
SELECT c.number, g.of, g.was, g.is_now
  FROM gone AS g JOIN proof.commits AS c USING (tx)
 WHERE g.of <> 'pair_count'
    OR g.of = 'pair_count' AND coalesce(g.was, '{"awaiting_purchase": 0, "waiting": 0, "held": 0, "granted": 0, "reversed": 0, "revised": 0}')
           - ARRAY['campaign', 'shard', 'condition_errors', 'changed_at']
       <> g.is_now - ARRAY['campaign', 'shard', 'condition_errors', 'changed_at']
 ORDER BY c.number, g.id
