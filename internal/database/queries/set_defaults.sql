-- Follows BEGIN in the same message. Until its end the transaction finds functions and operators
-- of Postgres alone, and no timeout of server, database or role applies. The timeout of the whole
-- transaction is new in Postgres 17. pg_temp comes last: where it is not named, it comes first.
SET LOCAL statement_timeout = '30s';
SET LOCAL lock_timeout = '30s';
SET LOCAL idle_in_transaction_session_timeout = '30s';
SET LOCAL search_path = pg_catalog, pg_temp;
SELECT CASE WHEN current_setting('server_version_num')::integer >= 170000
            THEN set_config('transaction_timeout', '0', true) END;
