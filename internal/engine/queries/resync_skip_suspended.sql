-- A campaign that is suspended meanwhile waits for the next comparison: of this
-- one it has missed a part.
WITH requested AS (
    UPDATE referral.resync_request SET begun = false
     WHERE begun AND campaign IN (SELECT name FROM referral.campaign WHERE mode = 'Suspended')
)
UPDATE referral.resync_campaign SET answers = NULL
 WHERE answers IS NOT NULL AND campaign IN (SELECT name FROM referral.campaign WHERE mode = 'Suspended');
