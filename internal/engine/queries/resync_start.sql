-- Begins a comparison, which will answer the requests made until now.
-- Reads small tables whole.
WITH started AS (
    UPDATE referral.resync SET began_at = clock_timestamp(), resume_after = '', phase = 'Rows'
    RETURNING began_at
), requested AS (
    UPDATE referral.resync_request SET begun = true
     WHERE campaign IN (SELECT name FROM referral.campaign WHERE mode <> 'Suspended')
)
INSERT INTO referral.resync_campaign AS r (campaign, answers)
SELECT name, '' FROM referral.campaign, started WHERE mode <> 'Suspended'
    ON CONFLICT (campaign) DO UPDATE SET answers = r.requested, attributions = 0, pairs = 0, sums = 0;
