-- Which of these referees are withheld. Rides on withheld_user.
SELECT campaign, user_id, pairs FROM referral.withheld WHERE user_id = ANY ($1);
