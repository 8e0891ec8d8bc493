-- Forgets a replica that runs no engine on the schema any more.
DELETE FROM referral.replica WHERE id = $1
