-- Lists the statements of a database that took most time, with the pages that they read.
SELECT total_exec_time / 1000, total_exec_time / sum(total_exec_time) OVER (), calls, wal_bytes::bigint,
       shared_blks_hit + shared_blks_read, query
  FROM pg_stat_statements
 WHERE dbid = (SELECT oid FROM pg_database WHERE datname = $1)
 ORDER BY total_exec_time DESC
 LIMIT 24;
