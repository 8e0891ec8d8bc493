-- Is set_bare.sql where Config.AllRows is set, and does what read_all_rows.sql does.
SELECT pg_catalog.set_config('search_path'::pg_catalog.text, 'pg_catalog, pg_temp'::pg_catalog.text, true),
       pg_catalog.set_config('row_security'::pg_catalog.text, 'off'::pg_catalog.text, true)
