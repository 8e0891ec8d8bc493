-- A campaign reaches what was parked under it, and through its links' codes
-- everybody they bring: at most $3 of each a step.
-- Rides on parked_pkey and link_campaign.
WITH freed AS (
    DELETE FROM referral.parked AS p
     USING (SELECT head.campaign, head.user_id
              FROM unnest($1::text[]) AS c(key)
             CROSS JOIN LATERAL (SELECT campaign, user_id
                                   FROM referral.parked
                                  WHERE campaign = c.key
                                  ORDER BY user_id
                                  LIMIT $3) AS head) AS head
     WHERE p.campaign = head.campaign AND p.user_id = head.user_id
    RETURNING p.campaign, p.user_id
), full_step AS (
    SELECT campaign FROM freed GROUP BY campaign HAVING count(*) = $3
), brings AS (
    SELECT c.key AS campaign, l.code
      FROM unnest($1::text[], $2::text[]) AS c(key, resume_after)
     CROSS JOIN LATERAL (SELECT code
                           FROM referral.link
                          WHERE campaign = c.key AND code > c.resume_after
                          ORDER BY code
                          LIMIT $3) AS l
     WHERE c.key NOT IN (SELECT campaign FROM full_step)
)
INSERT INTO referral.change (shard, kind, key, resume_after)
SELECT referral.shard_of(user_id), 'Referee', user_id, '' FROM freed
UNION ALL
SELECT referral.shard_of(code), 'Code', code, '' FROM brings
UNION ALL
SELECT referral.shard_of(c.key), 'Campaign', c.key, c.resume_after
  FROM unnest($1::text[], $2::text[]) AS c(key, resume_after)
 WHERE c.key IN (SELECT campaign FROM full_step)
UNION ALL
SELECT referral.shard_of(campaign), 'Campaign', campaign, max(code)
  FROM brings GROUP BY campaign HAVING count(*) = $3;
