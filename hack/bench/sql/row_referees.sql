-- Lists the referees of the row-at-a-time job.
SELECT user_id FROM referral.signup ORDER BY signed_up_at LIMIT $1;
