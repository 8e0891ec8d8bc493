-- Whom the job that goes row by row walks over.
SELECT user_id FROM referral.signup ORDER BY signed_up_at LIMIT $1;
