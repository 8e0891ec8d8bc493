-- What the server says it is, and whether tables of this database may be distributed by Citus.
SELECT pg_catalog.version(),
       EXISTS (SELECT 1 FROM pg_catalog.pg_extension WHERE extname OPERATOR(pg_catalog.=) 'citus')
