-- Passes over the waiting pairs of these referees until they are decided again. Their campaigns are
-- locked. Returns their referrers.
-- Uses waitlist_pkey.
UPDATE referral.waitlist SET passed_over = true
 WHERE user_id = ANY ($1) AND NOT passed_over
RETURNING campaign, referrer_id;
