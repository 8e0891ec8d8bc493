-- A transaction id above those of all transactions so far: that of this one, which does nothing.
SELECT pg_catalog.pg_current_xact_id()::pg_catalog.text::pg_catalog.int8;
