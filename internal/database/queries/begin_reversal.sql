-- Requests the reversal of everything that campaign $1 granted, from the first key on.
-- Uses reversal_pkey.
INSERT INTO referral.reversal (campaign) VALUES ($1)
ON CONFLICT (campaign) DO UPDATE SET resume_user = '', resume_purchase = '', done = false
