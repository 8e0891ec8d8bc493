-- Reports whether the newest revision of campaign $1 can earn in currency $2, as the check of a
-- policy has it: each reward must. Fixed amounts and tiers have a currency; the currencies of a
-- percentage are the keys of minimum and maximum amounts, if there are any. Uses revision_pkey.
SELECT NOT EXISTS (
    SELECT
      FROM (SELECT terms FROM referral.revision WHERE campaign = $1 ORDER BY revision DESC LIMIT 1) AS newest
     CROSS JOIN LATERAL jsonb_path_query(terms, '$.rewards[*]') AS reward
     CROSS JOIN LATERAL (SELECT coalesce(reward #>> '{fixed,currency}', reward #>> '{tiers,0,fixed,currency}')) AS has (currency)
     CROSS JOIN LATERAL (VALUES (terms -> 'minimumAmounts'), (reward #> '{percentage,maximumAmounts}')) AS listed (amounts)
     WHERE CASE WHEN has.currency IS NULL THEN amounts <> '{}' AND NOT amounts ? $2 ELSE has.currency <> $2 END)
