-- Expands rollouts. A revision that reaches existing pairs, an edit of the period, window or
-- currency, and a campaign that is deleted with Reverse reach every referee attributed to the
-- campaign. A step reads the next @limit attributions of whatever campaign, so that it costs the
-- same for a small campaign, and records how far the rollout of the newest revision has come; one
-- that a newer revision stopped stays where it is. What is left of the walk of a stopped rollout
-- does not count for the newest: only a step that begins where that has come. Nor does a step count
-- while the campaign is suspended: its pairs are moved after it is resumed, unless an edit stops the
-- rollout before. The last step records the transaction up to which referees were enqueued.
-- Uses attribution_pkey, revision_pkey, rollout_pkey and campaign_pkey.
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
   SET reached = greatest(o.reached, u.last_user),
       reached_all = u.campaign IS NULL,
       enqueued_up_to = CASE WHEN u.campaign IS NULL THEN pg_current_xact_id() END
  FROM rollout AS r
  LEFT JOIN unfinished AS u ON u.campaign = r.campaign
 WHERE o.campaign = r.campaign AND NOT o.reached_all AND r.resume_after <= o.reached
   AND o.revision = (SELECT max(v.revision) FROM referral.revision AS v WHERE v.campaign = r.campaign)
   AND EXISTS (SELECT FROM referral.campaign AS c WHERE c.name = r.campaign AND c.mode <> 'Suspended');
