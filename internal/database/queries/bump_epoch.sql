-- Batches read the epoch FOR SHARE before they commit: this waits for those that have read it, and
-- all others roll back.
UPDATE referral.meta SET epoch = epoch + 1
