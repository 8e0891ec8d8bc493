-- A fence beside the lease of schema_lock: a replica that was stopped for
-- longer than its lease must not run a migration beside the one that took
-- over. Held until the migration commits; readers are not blocked.
LOCK TABLE referral.schema_migration IN SHARE ROW EXCLUSIVE MODE
