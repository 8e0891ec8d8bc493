-- Whether an allocation of campaign $1 is requested that may begin, whoever serves it; see
-- lock_allocation_request.
-- Uses allocation_request_campaign and campaign_pkey.
SELECT EXISTS (SELECT FROM referral.allocation_request WHERE campaign = $1)
   AND NOT EXISTS (SELECT FROM referral.campaign AS c
                    WHERE c.name = $1 AND c.budget_amount IS NOT NULL AND c.mode NOT IN ('Suspended', 'Reversing')
                      AND referral.rolling_out(c.name));
