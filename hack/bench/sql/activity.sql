-- Reads a database's activity so far: statements that read or write the operator's tables, rows
-- written, records of write-ahead log, and the position of the server's write-ahead log. What begins
-- and ends a transaction is not counted: it travels with the statement. Runs in another database, so
-- that it does not count itself.
SELECT coalesce(sum(s.calls) FILTER (WHERE s.query LIKE '%referral.%'), 0)::bigint,
       coalesce(sum(s.wal_records), 0)::bigint
       + (SELECT tup_inserted + tup_updated + tup_deleted FROM pg_stat_database WHERE datname = $1),
       pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint
  FROM pg_stat_statements AS s
  JOIN pg_database AS d ON d.oid = s.dbid
 WHERE d.datname = $1;
