-- Expands rollouts. A revision that reaches existing pairs, or a campaign that is deleted with
-- Reverse, reaches every referee attributed to the campaign. A step reads the next @limit
-- attributions of whatever campaign, so that it costs the same for a small campaign. The last step
-- records the transaction up to which referees were enqueued.
-- Uses attribution_pkey and rollout_pkey.
WITH rollout AS (
    SELECT * FROM unnest(@keys::text[], @resume_after::text[]) AS r(campaign, resume_after)
), step AS (
    SELECT r.campaign, a.user_id, a.campaign = r.campaign AS reached
      FROM rollout AS r
     CROSS JOIN LATERAL (SELECT user_id, campaign
                           FROM referral.attribution
                          WHERE user_id > r.resume_after
                          ORDER BY user_id
                          LIMIT @limit) AS a
), unfinished AS (
    SELECT campaign, max(user_id) AS last_user FROM step GROUP BY campaign HAVING count(*) = @limit
), enqueued AS (
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
