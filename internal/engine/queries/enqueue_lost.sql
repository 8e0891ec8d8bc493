-- Enqueues what remains to be done though its change was lost: the rest of rollouts of newest
-- revisions of campaigns that are not suspended, and campaigns that are not suspended or closed any
-- more and have deferred referees.
-- Reads tables rollout and campaign whole. Uses revision_pkey, deferred_pkey and change_key.
WITH unfinished AS (
    SELECT 'Rollout' AS kind, o.campaign, o.reached AS resume_after
      FROM referral.rollout AS o
      JOIN referral.campaign AS c ON c.name = o.campaign AND c.mode <> 'Suspended'
     WHERE NOT o.reached_all
       AND o.revision = (SELECT max(r.revision) FROM referral.revision AS r WHERE r.campaign = o.campaign COLLATE "default")
    UNION ALL
    SELECT 'Campaign', c.name, ''
      FROM referral.campaign AS c
     WHERE c.mode IN ('Open', 'PolicyMissing')
       AND EXISTS (SELECT FROM referral.deferred AS d WHERE d.campaign = c.name)
)
INSERT INTO referral.change (shard, kind, key, resume_after)
SELECT referral.shard_of(u.campaign), u.kind, u.campaign, u.resume_after
  FROM unfinished AS u
 WHERE NOT EXISTS (SELECT FROM referral.change AS c
                    WHERE c.shard = referral.shard_of(u.campaign) AND c.key = u.campaign AND c.kind = u.kind);
