-- Whether the server is a standby, or its transactions read only unless they ask for more. It runs
-- before any transaction.
SELECT pg_catalog.pg_is_in_recovery()
    OR pg_catalog.current_setting('transaction_read_only'::pg_catalog.text)::pg_catalog.bool
