-- Requests a comparison of every campaign, since foreign entries of the ledger were corrected.
-- Reads table campaign whole.
INSERT INTO referral.resync_request (campaign, fact) SELECT name, 'ledger' FROM referral.campaign;
