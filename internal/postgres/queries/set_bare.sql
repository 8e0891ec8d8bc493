-- Precedes a statement of DB.QueryBare in the same round trip. Both run in one transaction, and the
-- search_path lasts as long. Every name is qualified, since the role's search_path applies.
SELECT pg_catalog.set_config('search_path'::pg_catalog.text, 'pg_catalog, pg_temp'::pg_catalog.text, true)
