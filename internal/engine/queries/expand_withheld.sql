-- Expands campaigns whose withheld pairs may be reversed into the referees of these pairs. They
-- stay withheld until they are decided. A step enqueues at most @limit referees per campaign, after
-- those of the last step.
-- Uses withheld_pkey.
WITH reached AS (
    SELECT c.key AS campaign, w.user_id
      FROM unnest(@keys::text[], @resume_after::text[]) AS c(key, resume_after)
     CROSS JOIN LATERAL (SELECT DISTINCT user_id
                           FROM referral.withheld
                          WHERE campaign = c.key AND user_id > c.resume_after
                          ORDER BY user_id
                          LIMIT @limit) AS w
)
INSERT INTO referral.change (shard, kind, key, resume_after)
SELECT referral.shard_of(user_id), 'Referee', user_id, '' FROM reached
UNION ALL
SELECT referral.shard_of(campaign), 'Withheld', campaign, max(user_id)
  FROM reached GROUP BY campaign HAVING count(*) = @limit;
