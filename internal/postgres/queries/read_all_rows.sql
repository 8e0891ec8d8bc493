-- Follows set_defaults.sql in the same message where Config.AllRows is set. Until the transaction
-- ends, a statement from which a policy of row-level security would hide rows fails (42501). A
-- policy applies to the owner of a table only after ALTER TABLE … FORCE ROW LEVEL SECURITY.
SET LOCAL row_security = off;
