-- Has those looked at who stand in a referrer's line for a reason that is not
-- theirs any more ($3; empty: for any). Where nobody may be passed over meanwhile
-- ($4) the line is being refiled from here to the last of them; else nothing is
-- noted where they will be looked at anyway.
-- Rides on pair_line_referrer and change_key.
WITH misfiled AS (
    SELECT campaign, referrer_id, reason, refile, campaign || '/' || referrer_id AS key,
           CASE reason WHEN 'CapReached' THEN reason ELSE '' END AS resume_after -- they come last in it
      FROM unnest($1::text[], $2::text[], $3::text[], $4::bool[]) AS r(campaign, referrer_id, reason, refile)
), noted AS (
    INSERT INTO referral.change (shard, kind, key, resume_after)
    SELECT referral.shard_of(r.key), 'Line', r.key, r.resume_after
      FROM misfiled AS r
     WHERE EXISTS (SELECT
                     FROM referral.pair AS p
                    WHERE p.campaign = r.campaign AND p.referrer_id = r.referrer_id AND p.needs IS NOT NULL
                      AND p.reason = ANY (CASE r.reason WHEN '' THEN ARRAY['CapReached', 'BudgetExhausted'] ELSE ARRAY[r.reason] END)
                      AND p.state = 'Waiting')
       AND (r.refile
            OR NOT EXISTS (SELECT FROM referral.change AS c
                            WHERE c.shard = referral.shard_of(r.key) AND c.kind = 'Line' AND c.key = r.key
                              AND c.resume_after <= r.resume_after))
    RETURNING id, key
)
INSERT INTO referral.refiling (campaign, referrer_id, noted_up_to)
SELECT r.campaign, r.referrer_id, n.id
  FROM noted AS n
  JOIN misfiled AS r USING (key)
 WHERE r.refile;
