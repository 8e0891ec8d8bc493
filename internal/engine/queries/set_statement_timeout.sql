-- Sets the statement timeout of this transaction. Uses no index.
SELECT set_config('statement_timeout', $1, true);
