-- Lists the statements of a database that took most time, with the pages that they read. Statements
-- that differ in the schema alone are one.
SELECT sum(total_exec_time) / 1000, sum(total_exec_time) / sum(sum(total_exec_time)) OVER (), sum(calls)::bigint, sum(wal_bytes)::bigint,
       sum(shared_blks_hit + shared_blks_read)::bigint, statement
  FROM pg_stat_statements,
       regexp_replace(query, '"\w+"\.', 'referral.', 'g') AS statement
 WHERE dbid = (SELECT oid FROM pg_database WHERE datname = $1)
 GROUP BY statement
 ORDER BY sum(total_exec_time) DESC
 LIMIT 24;
