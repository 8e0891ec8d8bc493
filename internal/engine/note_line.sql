-- Has those looked at who stand in a referrer's line for a reason that is not
-- theirs any more ($3), unless they will be anyway; or all of them, from the
-- first on, because their needs are those of another tier (empty): until that is
-- over nobody relies on these.
-- Rides on pair_line_referrer and change_key.
WITH misfiled AS (
    SELECT campaign, referrer_id, reason, campaign || '/' || referrer_id AS key
      FROM unnest($1::text[], $2::text[], $3::text[]) AS r(campaign, referrer_id, reason)
), noted AS (
    INSERT INTO referral.change (shard, kind, key)
    SELECT referral.shard_of(r.key), 'Line', r.key
      FROM misfiled AS r
     WHERE EXISTS (SELECT
                     FROM referral.pair AS p
                    WHERE p.campaign = r.campaign AND p.referrer_id = r.referrer_id AND p.needs IS NOT NULL
                      AND p.reason = ANY (CASE r.reason WHEN '' THEN ARRAY['CapReached', 'BudgetExhausted'] ELSE ARRAY[r.reason] END)
                      AND p.state = 'Waiting')
       AND (r.reason = ''
            OR NOT EXISTS (SELECT FROM referral.change AS c
                            WHERE c.shard = referral.shard_of(r.key) AND c.kind = 'Line' AND c.key = r.key))
    RETURNING id, key
)
INSERT INTO referral.refiling (campaign, referrer_id, noted_up_to)
SELECT r.campaign, r.referrer_id, n.id
  FROM noted AS n
  JOIN misfiled AS r USING (key)
 WHERE r.reason = '';
