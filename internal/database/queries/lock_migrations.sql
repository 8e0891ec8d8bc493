-- Other replicas run no migration until this transaction ends. Readers are not blocked.
LOCK TABLE referral.schema_migration IN SHARE ROW EXCLUSIVE MODE
