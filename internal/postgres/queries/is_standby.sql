-- Whether the server is a standby, which accepts no writes. It runs before any transaction.
SELECT pg_catalog.pg_is_in_recovery()
