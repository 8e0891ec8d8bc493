-- Finds which of these referees a pending change, a pending allocation request, or a reversal that
-- is not done reaches. Touched: a change of the code of any touch of the visitor, or of 1000 codes.
-- Uses change_key, which it reads whole for Touched, touch_code, allocation_request_campaign,
-- reversal_pkey and campaign_pkey.
WITH code AS MATERIALIZED (
    SELECT key FROM referral.change WHERE kind = 'Code' LIMIT 1000
)
SELECT DISTINCT w.user_id
  FROM unnest($1::text[], $2::text[], $3::text[]) AS w(user_id, kind, key)
 WHERE CASE w.kind
            WHEN 'Allocation' THEN EXISTS (SELECT FROM referral.allocation_request AS a WHERE a.campaign = w.key)
            WHEN 'Reversal' THEN EXISTS (SELECT
                                           FROM referral.reversal AS r
                                           JOIN referral.campaign AS p ON p.name = r.campaign COLLATE "default"
                                          WHERE r.campaign = w.key AND NOT r.done AND p.mode = 'Reversing')
            WHEN 'Touched' THEN (SELECT count(*) FROM code) = 1000
                                OR EXISTS (SELECT
                                             FROM code
                                             JOIN referral.touch AS t ON referral.normal_code(t.code) = code.key COLLATE "default"
                                            WHERE t.visitor_id = w.key)
            ELSE EXISTS (SELECT FROM referral.change AS c
                          WHERE c.shard = referral.shard_of(w.key) AND c.key = w.key AND c.kind = w.kind) END;
