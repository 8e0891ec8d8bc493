-- Expands campaigns. A campaign reaches the referees deferred under it, then the codes of its
-- links, then the referees whose attribution was fixed by an erasure, to which no link leads: the
-- stages Deferred, Links and Fixed. A step enqueues at most @limit rows per campaign and stage, and
-- the campaign again at the stage that has more. A referee may be deferred again before the next
-- step, which therefore continues after the last one.
-- Uses deferred_pkey, link_campaign and attribution_forgotten.
WITH campaign AS (
    SELECT * FROM unnest(@keys::text[], @stages::text[], @resume_after::text[]) AS c(key, stage, resume_after)
), undeferred AS (
    DELETE FROM referral.deferred AS p
     USING (SELECT d.campaign, d.user_id
              FROM campaign AS c
             CROSS JOIN LATERAL (SELECT campaign, user_id
                                   FROM referral.deferred
                                  WHERE campaign = c.key AND user_id > c.resume_after
                                  ORDER BY user_id
                                  LIMIT @limit) AS d
             WHERE c.stage IN ('', 'Deferred')) AS d
     WHERE p.campaign = d.campaign AND p.user_id = d.user_id
    RETURNING p.campaign, p.user_id
), more_deferred AS (
    SELECT campaign, max(user_id) AS last FROM undeferred GROUP BY campaign HAVING count(*) = @limit
), link AS (
    SELECT c.key AS campaign, l.code
      FROM campaign AS c
     CROSS JOIN LATERAL (SELECT code
                           FROM referral.link
                          WHERE campaign = c.key AND code > CASE c.stage WHEN 'Links' THEN c.resume_after ELSE '' END
                          ORDER BY code
                          LIMIT @limit) AS l
     WHERE c.stage <> 'Fixed' AND c.key NOT IN (SELECT campaign FROM more_deferred)
), more_links AS (
    SELECT campaign, max(code) AS last FROM link GROUP BY campaign HAVING count(*) = @limit
), fixed AS (
    SELECT c.key AS campaign, a.user_id
      FROM campaign AS c
     CROSS JOIN LATERAL (SELECT user_id
                           FROM referral.attribution
                          WHERE campaign = c.key AND source = 'Touch' AND visitor_id IS NULL
                            AND user_id > CASE c.stage WHEN 'Fixed' THEN c.resume_after ELSE '' END
                          ORDER BY user_id
                          LIMIT @limit) AS a
     WHERE c.key NOT IN (SELECT campaign FROM more_deferred) AND c.key NOT IN (SELECT campaign FROM more_links)
)
INSERT INTO referral.change (shard, kind, key, stage, resume_after)
SELECT referral.shard_of(user_id), 'Referee', user_id, '', '' FROM undeferred
UNION ALL
SELECT referral.shard_of(code), 'Code', code, '', '' FROM link
UNION ALL
SELECT referral.shard_of(user_id), 'Referee', user_id, '', '' FROM fixed
UNION ALL
SELECT referral.shard_of(campaign), 'Campaign', campaign, 'Deferred', last FROM more_deferred
UNION ALL
SELECT referral.shard_of(campaign), 'Campaign', campaign, 'Links', last FROM more_links
UNION ALL
SELECT referral.shard_of(campaign), 'Campaign', campaign, 'Fixed', max(user_id)
  FROM fixed GROUP BY campaign HAVING count(*) = @limit;
