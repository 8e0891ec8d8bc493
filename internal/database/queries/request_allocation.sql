-- Records an edit of campaign $1, and requests an allocation if pairs wait in it. After an edit
-- that decisions about waiting pairs depend on ($2), all of them are candidates. For an edit of the
-- budget ($3) the sum spent so far is recorded, since it may be above the new budget. That sum then
-- only decreases, so after any other edit a lower one is recorded. The campaign's row is locked, and
-- no earlier batch commits. Uses campaign_pkey, credit_count_pkey and waitlist_order.
WITH edited AS (
    UPDATE referral.campaign AS c
       SET edit = edit + CASE WHEN $2 THEN 1 ELSE 0 END,
           spent_before = (SELECT CASE WHEN $3 THEN k.spent ELSE least(c.spent_before, k.spent) END
                             FROM (SELECT coalesce(sum(granted + held), 0) AS spent
                                     FROM referral.credit_count
                                    WHERE campaign = c.name AND currency = c.budget_currency) AS k)
     WHERE name = $1
)
INSERT INTO referral.allocation_request (campaign)
SELECT $1 WHERE EXISTS (SELECT FROM referral.waitlist WHERE campaign = $1)
