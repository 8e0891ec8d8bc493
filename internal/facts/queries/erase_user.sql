-- Forgets a person; refuses while something of theirs is still to be decided.
SELECT referral.erase_user($1);
