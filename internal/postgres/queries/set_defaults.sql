-- Follows BEGIN in the same message. Until the transaction ends it finds functions and operators in
-- pg_catalog only, and no timeout of server, database or role applies. transaction_timeout exists
-- since Postgres 17. pg_temp is named, and last, because Postgres searches it first otherwise.
SET LOCAL statement_timeout = '30s';
SET LOCAL lock_timeout = '30s';
SET LOCAL idle_in_transaction_session_timeout = '30s';
SET LOCAL search_path = pg_catalog, pg_temp;
SELECT CASE WHEN current_setting('server_version_num')::integer >= 170000
            THEN set_config('transaction_timeout', '0', true) END;
