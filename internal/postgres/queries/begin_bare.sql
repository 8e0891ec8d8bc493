-- Begins a transaction of one statement. By default it could be one that waits until no transaction
-- of a writer is open: SERIALIZABLE, READ ONLY and DEFERRABLE.
BEGIN ISOLATION LEVEL READ COMMITTED;
