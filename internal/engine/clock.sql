-- The time that decisions are made at, read after the changes were taken: no
-- fact of theirs that is dated by its own transaction lies in the future.
SELECT clock_timestamp();
