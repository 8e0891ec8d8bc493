-- Records the next revision of campaign $1. The campaign's row is locked, so the number is free.
-- Uses revision_pkey.
INSERT INTO referral.revision (campaign, revision, digest, terms, scope)
SELECT $1, 1 + coalesce(max(revision), 0), $2, $3, $4 FROM referral.revision WHERE campaign = $1
