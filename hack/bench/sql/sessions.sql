-- How many connections have been made to a database so far.
SELECT sessions FROM pg_stat_database WHERE datname = $1;
