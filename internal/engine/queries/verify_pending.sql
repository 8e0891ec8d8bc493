-- Finds which of the referees $1 may be decided again soon: a change of the queue reaches them. $2
-- are the kinds of changes, and $3 is what their keys name.
-- Uses change_key, signup_pkey, attribution_pkey and pair_pkey.
WITH reached (user_id, names, key) AS (
    SELECT u, 'User', u FROM unnest($1::text[]) AS u
    UNION ALL
    SELECT user_id, 'Visitor', visitor_id FROM referral.signup WHERE user_id = ANY ($1)
    UNION ALL
    SELECT user_id, 'Code', referral.normal_code(code) FROM referral.signup WHERE user_id = ANY ($1)
    UNION ALL
    SELECT user_id, 'Code', code FROM referral.attribution WHERE user_id = ANY ($1)
    UNION ALL
    SELECT user_id, 'Referrer', referrer_id FROM referral.attribution WHERE user_id = ANY ($1)
    UNION ALL
    SELECT user_id, 'Campaign', campaign FROM referral.attribution WHERE user_id = ANY ($1)
    UNION ALL
    SELECT user_id, 'Campaign', campaign FROM referral.pair WHERE user_id = ANY ($1)
)
SELECT DISTINCT r.user_id
  FROM reached AS r
  JOIN unnest($2::text[], $3::text[]) AS k(kind, names) ON k.names = r.names
  JOIN referral.change AS c ON c.key = r.key AND c.kind = k.kind;
