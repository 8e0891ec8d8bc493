-- Begins a transaction that writes. The isolation level and the access mode are named here,
-- because server, database and role may each have another default.
BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE;
