-- Pairs of referees that cannot be decided now are not due any more; what makes
-- them decidable puts the referee on the change list.
-- Rides on pair_pkey.
UPDATE referral.pair SET due_at = NULL WHERE user_id = ANY ($1) AND due_at IS NOT NULL;
