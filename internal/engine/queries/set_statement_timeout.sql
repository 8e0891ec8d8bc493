-- How long a statement of this transaction may take from here on.
SELECT set_config('statement_timeout', $1, true);
