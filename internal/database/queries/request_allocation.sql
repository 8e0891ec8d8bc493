-- Records an edit of campaign $1, and requests an allocation if pairs wait in it. After an edit
-- that decisions about waiting pairs depend on ($2), all of them are candidates. For an edit of the
-- budget ($3) the sum spent so far is recorded. The campaign's row is locked, and no earlier batch
-- commits. Uses campaign_pkey, credit_count_pkey and waitlist_order.
WITH edited AS (
    UPDATE referral.campaign AS c
       SET edit = edit + CASE WHEN $2 THEN 1 ELSE 0 END,
           spent_before = CASE WHEN $3
                               THEN (SELECT coalesce(sum(granted + held), 0) FROM referral.credit_count AS k
                                      WHERE k.campaign = c.name AND k.currency = c.budget_currency)
                               ELSE spent_before END
     WHERE name = $1
)
INSERT INTO referral.allocation_request (campaign)
SELECT $1 WHERE EXISTS (SELECT FROM referral.waitlist WHERE campaign = $1)
