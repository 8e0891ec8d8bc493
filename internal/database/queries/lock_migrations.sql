-- Keeps other replicas from running a migration until this one commits. Readers are not blocked.
LOCK TABLE referral.schema_migration IN SHARE ROW EXCLUSIVE MODE
