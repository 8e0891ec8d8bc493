-- Deletes attributions that differ.
-- Uses attribution_pkey.
DELETE FROM referral.attribution WHERE user_id = ANY ($1);
