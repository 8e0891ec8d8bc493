-- Deletes incidents that withhold no pair any more.
-- Uses incident_pkey, whose rows are locked.
DELETE FROM referral.incident WHERE id = ANY ($1);
