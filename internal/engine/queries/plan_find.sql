-- Finds the referees after @after up to @last (null: the last) that campaign @campaign concerns, in
-- order, at most @limit: those that are attributed to it, have pairs or ledger entries of it, and,
-- if the plan changes who is attributed (@attributes), those whose code or touch leads to it.
-- Uses attribution_pkey, pair_pkey, ledger_pkey, signup_pkey, link_pkey and touch_visitor.
SELECT user_id FROM referral.attribution
 WHERE user_id > @after AND (@last::text IS NULL OR user_id <= @last) AND campaign = @campaign
UNION
SELECT user_id FROM referral.pair
 WHERE user_id > @after AND (@last::text IS NULL OR user_id <= @last) AND campaign = @campaign
UNION
SELECT user_id FROM referral.ledger
 WHERE user_id > @after AND (@last::text IS NULL OR user_id <= @last) AND campaign = @campaign
UNION
SELECT s.user_id FROM referral.signup AS s
 WHERE s.user_id > @after AND (@last::text IS NULL OR s.user_id <= @last) AND @attributes::bool
   AND (EXISTS (SELECT FROM referral.link AS l WHERE l.code = referral.normal_code(s.code) AND l.campaign = @campaign)
        OR EXISTS (SELECT
                     FROM referral.touch AS t JOIN referral.link AS l ON l.code = referral.normal_code(t.code)
                    WHERE t.visitor_id = s.visitor_id AND t.touched_at <= s.signed_up_at AND l.campaign = @campaign))
 ORDER BY user_id
 LIMIT @limit;
