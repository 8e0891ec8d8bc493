-- Requests that a user is erased. The engine carries it out.
SELECT referral.erase_user($1);
