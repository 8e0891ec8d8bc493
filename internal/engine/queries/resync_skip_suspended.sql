-- Leaves campaigns that were suspended meanwhile to the next comparison, since this one has missed
-- a part of them.
-- Reads small tables whole.
WITH requested AS (
    UPDATE referral.resync_request SET begun = false
     WHERE begun AND campaign IN (SELECT name FROM referral.campaign WHERE mode = 'Suspended')
)
UPDATE referral.resync_campaign SET answers = NULL
 WHERE answers IS NOT NULL AND campaign IN (SELECT name FROM referral.campaign WHERE mode = 'Suspended');
