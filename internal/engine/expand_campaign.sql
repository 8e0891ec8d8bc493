-- A campaign reaches what was parked under it, and through its links' codes
-- everybody they bring: at most $3 of each key a step. resume_after says how far
-- it came: 'parked ' and the last user_id, then 'through ' and the last code.
-- Whom it freed may be parked again before the next step, which therefore goes
-- on behind them.
-- Rides on parked_pkey and link_campaign.
WITH campaign AS (
    SELECT c.key, c.resume_after,
           CASE WHEN c.resume_after LIKE 'parked %' THEN substr(c.resume_after, 8) ELSE '' END AS last_user,
           CASE WHEN c.resume_after LIKE 'through %' THEN substr(c.resume_after, 9) ELSE '' END AS last_code
      FROM unnest($1::text[], $2::text[]) AS c(key, resume_after)
), freed AS (
    DELETE FROM referral.parked AS p
     USING (SELECT head.campaign, head.user_id
              FROM campaign AS c
             CROSS JOIN LATERAL (SELECT campaign, user_id
                                   FROM referral.parked
                                  WHERE campaign = c.key AND user_id > c.last_user
                                  ORDER BY user_id
                                  LIMIT $3) AS head
             WHERE c.resume_after NOT LIKE 'through %') AS head
     WHERE p.campaign = head.campaign AND p.user_id = head.user_id
    RETURNING p.campaign, p.user_id
), unfinished AS (
    SELECT campaign, max(user_id) AS last_user FROM freed GROUP BY campaign HAVING count(*) = $3
), brings AS (
    SELECT c.key AS campaign, l.code
      FROM campaign AS c
     CROSS JOIN LATERAL (SELECT code
                           FROM referral.link
                          WHERE campaign = c.key AND code > c.last_code
                          ORDER BY code
                          LIMIT $3) AS l
     WHERE c.key NOT IN (SELECT campaign FROM unfinished)
)
INSERT INTO referral.change (shard, kind, key, resume_after)
SELECT referral.shard_of(user_id), 'Referee', user_id, '' FROM freed
UNION ALL
SELECT referral.shard_of(code), 'Code', code, '' FROM brings
UNION ALL
SELECT referral.shard_of(campaign), 'Campaign', campaign, 'parked ' || last_user FROM unfinished
UNION ALL
SELECT referral.shard_of(campaign), 'Campaign', campaign, 'through ' || max(code)
  FROM brings GROUP BY campaign HAVING count(*) = $3;
