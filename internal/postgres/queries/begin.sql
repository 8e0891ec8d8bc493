-- Begins a transaction that writes. Isolation level and access mode are named because server,
-- database and role may each have another default.
BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE;
