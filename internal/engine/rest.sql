-- Pairs of referees that cannot be decided now are not due any more, and stand in
-- nobody's way; what makes them decidable puts the referee on the change list.
-- Rides on pair_pkey.
UPDATE referral.pair
   SET due_at = NULL, needs = NULL
 WHERE user_id = ANY ($1) AND (due_at IS NOT NULL OR needs IS NOT NULL);
