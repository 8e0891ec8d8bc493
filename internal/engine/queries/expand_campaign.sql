-- A campaign reaches the referees deferred under it, through its links' codes those whom the links
-- bring, and erased referees to whom no link leads any more: at most $3 of each key a step.
-- resume_after says how far it came: 'deferred ' and the last user_id, then 'through ' and the last
-- code, then 'forgotten ' and the last user_id. A referee that was freed may be deferred again before
-- the next step, which therefore goes on behind it.
-- Uses deferred_pkey, link_campaign and attribution_forgotten.
WITH campaign AS (
    SELECT c.key, split_part(c.resume_after, ' ', 1) AS stage,
           substr(c.resume_after, strpos(c.resume_after, ' ') + 1) AS last
      FROM unnest($1::text[], $2::text[]) AS c(key, resume_after)
), freed AS (
    DELETE FROM referral.deferred AS p
     USING (SELECT head.campaign, head.user_id
              FROM campaign AS c
             CROSS JOIN LATERAL (SELECT campaign, user_id
                                   FROM referral.deferred
                                  WHERE campaign = c.key AND user_id > c.last
                                  ORDER BY user_id
                                  LIMIT $3) AS head
             WHERE c.stage IN ('', 'deferred')) AS head
     WHERE p.campaign = head.campaign AND p.user_id = head.user_id
    RETURNING p.campaign, p.user_id
), deferring AS (
    SELECT campaign, max(user_id) AS last FROM freed GROUP BY campaign HAVING count(*) = $3
), brings AS (
    SELECT c.key AS campaign, l.code
      FROM campaign AS c
     CROSS JOIN LATERAL (SELECT code
                           FROM referral.link
                          WHERE campaign = c.key AND code > CASE c.stage WHEN 'through' THEN c.last ELSE '' END
                          ORDER BY code
                          LIMIT $3) AS l
     WHERE c.stage <> 'forgotten' AND c.key NOT IN (SELECT campaign FROM deferring)
), through AS (
    SELECT campaign, max(code) AS last FROM brings GROUP BY campaign HAVING count(*) = $3
), forgot AS (
    SELECT c.key AS campaign, a.user_id
      FROM campaign AS c
     CROSS JOIN LATERAL (SELECT user_id
                           FROM referral.attribution
                          WHERE campaign = c.key AND source = 'Touch' AND visitor_id IS NULL
                            AND user_id > CASE c.stage WHEN 'forgotten' THEN c.last ELSE '' END
                          ORDER BY user_id
                          LIMIT $3) AS a
     WHERE c.key NOT IN (SELECT campaign FROM deferring) AND c.key NOT IN (SELECT campaign FROM through)
)
INSERT INTO referral.change (shard, kind, key, resume_after)
SELECT referral.shard_of(user_id), 'Referee', user_id, '' FROM freed
UNION ALL
SELECT referral.shard_of(code), 'Code', code, '' FROM brings
UNION ALL
SELECT referral.shard_of(user_id), 'Referee', user_id, '' FROM forgot
UNION ALL
SELECT referral.shard_of(campaign), 'Campaign', campaign, 'deferred ' || last FROM deferring
UNION ALL
SELECT referral.shard_of(campaign), 'Campaign', campaign, 'through ' || last FROM through
UNION ALL
SELECT referral.shard_of(campaign), 'Campaign', campaign, 'forgotten ' || max(user_id)
  FROM forgot GROUP BY campaign HAVING count(*) = $3;
