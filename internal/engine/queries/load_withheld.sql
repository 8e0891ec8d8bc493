-- Reads the withheld pairs of these referees.
-- Uses withheld_user.
SELECT user_id, campaign, purchase_id, incident FROM referral.withheld WHERE user_id = ANY ($1) AND cause = $2;
