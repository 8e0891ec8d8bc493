-- Sets the application name until the transaction ends, so that a pooler's next client does not
-- have it. Uses no table.
SELECT set_config('application_name', $1, true);
