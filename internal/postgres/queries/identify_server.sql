-- What the server says it is, whether tables of this database may be distributed by Citus, and how
-- the database is encoded.
SELECT pg_catalog.version(),
       EXISTS (SELECT 1 FROM pg_catalog.pg_extension WHERE extname OPERATOR(pg_catalog.=) 'citus'),
       coalesce(pg_catalog.current_setting('server_encoding', true), '')
