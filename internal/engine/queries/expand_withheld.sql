-- Turns a campaign whose withheld pairs have been permitted into their referees: at most $3 of each
-- key a step, onwards from where the last step ended. They stay withheld until they are decided.
-- Uses withheld_pkey.
WITH reached AS (
    SELECT c.key AS campaign, w.user_id
      FROM unnest($1::text[], $2::text[]) AS c(key, resume_after)
     CROSS JOIN LATERAL (SELECT DISTINCT user_id
                           FROM referral.withheld
                          WHERE campaign = c.key AND user_id > c.resume_after
                          ORDER BY user_id
                          LIMIT $3) AS w
)
INSERT INTO referral.change (shard, kind, key, resume_after)
SELECT referral.shard_of(user_id), 'Referee', user_id, '' FROM reached
UNION ALL
SELECT referral.shard_of(campaign), 'Withheld', campaign, max(user_id)
  FROM reached GROUP BY campaign HAVING count(*) = $3;
