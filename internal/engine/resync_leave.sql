-- A campaign that is suspended meanwhile waits for the next comparison: of this
-- one it has missed a part.
UPDATE referral.resync_campaign SET answers = NULL
 WHERE answers IS NOT NULL AND campaign IN (SELECT name FROM referral.campaign WHERE mode = 'Suspended');
