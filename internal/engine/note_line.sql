-- Has those looked at who stand in a referrer's line for a reason that is not
-- theirs any more ($3; empty: for any), unless they will be anyway.
-- Rides on pair_line_referrer and change_key.
INSERT INTO referral.change (shard, kind, key)
SELECT referral.shard_of(r.campaign || '/' || r.referrer_id), 'Line', r.campaign || '/' || r.referrer_id
  FROM unnest($1::text[], $2::text[], $3::text[]) AS r(campaign, referrer_id, reason)
 WHERE EXISTS (SELECT
                 FROM referral.pair AS p
                WHERE p.campaign = r.campaign AND p.referrer_id = r.referrer_id AND p.needs IS NOT NULL
                  AND p.reason = ANY (CASE r.reason WHEN '' THEN ARRAY['CapReached', 'BudgetExhausted'] ELSE ARRAY[r.reason] END)
                  AND p.state = 'Waiting')
   AND NOT EXISTS (SELECT FROM referral.change AS c
                    WHERE c.shard = referral.shard_of(r.campaign || '/' || r.referrer_id)
                      AND c.kind = 'Line' AND c.key = r.campaign || '/' || r.referrer_id);
