-- Places at the end of the line, as many as are asked for.
SELECT nextval('referral.admission_order') FROM generate_series(1, $1);
