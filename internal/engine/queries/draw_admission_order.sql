-- Draws the next $1 admission orders. Uses no index.
SELECT nextval('referral.admission_order') FROM generate_series(1, $1);
