-- Referees that could be decided are not set aside any more.
-- Rides on set_aside_pkey.
DELETE FROM referral.set_aside WHERE user_id = ANY ($1);
