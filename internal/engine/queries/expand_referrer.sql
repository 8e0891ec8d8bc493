-- Expands referrers. A referrer reaches the referees attributed to it. A step enqueues at most
-- @limit referees per referrer, after those of the last step.
-- Uses attribution_referrer.
WITH reached AS (
    SELECT r.key AS referrer_id, a.user_id
      FROM unnest(@keys::text[], @resume_after::text[]) AS r(key, resume_after)
     CROSS JOIN LATERAL (SELECT user_id
                           FROM referral.attribution
                          WHERE referrer_id = r.key AND user_id > r.resume_after
                          ORDER BY user_id
                          LIMIT @limit) AS a
)
INSERT INTO referral.change (shard, kind, key, resume_after)
SELECT referral.shard_of(user_id), 'Referee', user_id, '' FROM reached
UNION ALL
SELECT referral.shard_of(referrer_id), 'Referrer', referrer_id, max(user_id)
  FROM reached GROUP BY referrer_id HAVING count(*) = @limit;
