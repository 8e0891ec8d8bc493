-- Batches end by reading the epoch FOR SHARE: this waits for those that got so
-- far, and the others roll back.
UPDATE referral.meta SET epoch = epoch + 1
