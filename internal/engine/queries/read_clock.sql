-- The time that decisions are made at, read after the changes were taken: no
-- fact of theirs that is dated by its own transaction lies in the future. And
-- whether reversals are withheld of any campaign, of which there are few.
SELECT clock_timestamp(), EXISTS (SELECT FROM referral.incident);
