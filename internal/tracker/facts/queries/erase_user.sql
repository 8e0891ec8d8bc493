-- Requests the erasure of a user, which the engine carries out. Uses erasure_pkey.
SELECT referral.erase_user($1);
