-- Last statement of a batch: if the epoch has moved, the batch is rolled back. FOR SHARE makes the
-- next change of the configuration wait for this batch's commit. Reads meta, which has one row.
SELECT epoch FROM referral.meta FOR SHARE;
