-- Finds which of the referees $1 may be decided again soon: a change of the queue reaches them.
-- Uses change_key, signup_pkey, attribution_pkey and pair_pkey.
WITH reached (user_id, kind, key) AS (
    SELECT u, k, u FROM unnest($1::text[]) AS u CROSS JOIN unnest('{Referee,Erasure}'::text[]) AS k
    UNION ALL
    SELECT user_id, 'Visitor', visitor_id FROM referral.signup WHERE user_id = ANY ($1)
    UNION ALL
    SELECT user_id, 'Code', referral.normal_code(code) FROM referral.signup WHERE user_id = ANY ($1)
    UNION ALL
    SELECT user_id, 'Code', code FROM referral.attribution WHERE user_id = ANY ($1)
    UNION ALL
    SELECT user_id, 'Referrer', referrer_id FROM referral.attribution WHERE user_id = ANY ($1)
    UNION ALL
    SELECT user_id, k, campaign
      FROM (SELECT user_id, campaign FROM referral.attribution WHERE user_id = ANY ($1)
            UNION
            SELECT user_id, campaign FROM referral.pair WHERE user_id = ANY ($1)) AS c
     CROSS JOIN unnest('{Campaign,Rollout,Withheld}'::text[]) AS k
)
SELECT DISTINCT r.user_id
  FROM reached AS r
  JOIN referral.change AS c ON c.key = r.key AND c.kind = r.kind;
