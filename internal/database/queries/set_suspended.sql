-- Suspends or resumes. If nothing differs it changes nothing.
UPDATE referral.meta SET suspended = $1, epoch = epoch + 1 WHERE suspended <> $1
