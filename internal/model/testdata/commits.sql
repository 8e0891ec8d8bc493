-- What was written since it was asked for last, commit by commit.
WITH gone AS (DELETE FROM proof.writes RETURNING id, tx, of, was, is_now)
SELECT c.number, g.of, g.was, g.is_now FROM gone AS g JOIN proof.commits AS c USING (tx) ORDER BY c.number, g.id
