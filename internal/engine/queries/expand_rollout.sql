-- A revision that reaches back, or a campaign that takes back all it gave,
-- reaches everybody attributed to the campaign: the next $3 attributions a step,
-- of whichever campaign they are, so that a step costs the same in a small one.
-- At the end of its walk it leaves the transaction up to which it has noted.
-- Rides on attribution_pkey and rollout_pkey.
WITH rollout AS (
    SELECT * FROM unnest($1::text[], $2::text[]) AS r(campaign, resume_after)
), step AS (
    SELECT r.campaign, a.user_id, a.campaign = r.campaign AS reached
      FROM rollout AS r
     CROSS JOIN LATERAL (SELECT user_id, campaign
                           FROM referral.attribution
                          WHERE user_id > r.resume_after
                          ORDER BY user_id
                          LIMIT $3) AS a
), unfinished AS (
    SELECT campaign, max(user_id) AS last_user FROM step GROUP BY campaign HAVING count(*) = $3
), noted AS (
    INSERT INTO referral.change (shard, kind, key, resume_after)
    SELECT referral.shard_of(user_id), 'Referee', user_id, '' FROM step WHERE reached
    UNION ALL
    SELECT referral.shard_of(campaign), 'Rollout', campaign, last_user FROM unfinished
)
UPDATE referral.rollout AS o
   SET resume_after = coalesce((SELECT last_user FROM unfinished AS u WHERE u.campaign = o.campaign), ''),
       enqueued_up_to = CASE WHEN o.campaign IN (SELECT campaign FROM unfinished) THEN NULL
                          ELSE pg_current_xact_id() END
  FROM rollout AS r
 WHERE o.campaign = r.campaign;
