-- Adds at most @limit changes of counts of links to the counts, and returns how many. Rows that
-- another engine is at are skipped.
-- Uses link_count_change_pkey and link_count_pkey.
WITH chosen AS MATERIALIZED (
    SELECT id FROM referral.link_count_change ORDER BY id LIMIT @limit FOR UPDATE SKIP LOCKED
), removed AS (
    DELETE FROM referral.link_count_change AS c USING chosen WHERE c.id = chosen.id
    RETURNING c.code, c.action, c.times
), added AS (
    INSERT INTO referral.link_count AS l (code, action, times)
    SELECT code, action, sum(times)::bigint FROM removed GROUP BY code, action ORDER BY code, action
        ON CONFLICT (code, action) DO UPDATE SET times = l.times + excluded.times
)
SELECT count(*) FROM removed;
