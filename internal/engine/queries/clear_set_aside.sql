-- Removes decided referees from set_aside.
-- Uses set_aside_pkey.
DELETE FROM referral.set_aside WHERE user_id = ANY ($1);
