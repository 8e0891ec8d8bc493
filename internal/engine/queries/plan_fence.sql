-- Reads the configuration epoch, and whether changes wait to be decided.
-- Reads meta, and one row of change.
SELECT (SELECT epoch FROM referral.meta), EXISTS (SELECT FROM referral.change);
