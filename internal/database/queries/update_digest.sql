-- Sets the digest of the newest revision of campaign $1, which was recorded with limits, to that of
-- its terms without them. Uses revision_pkey.
UPDATE referral.revision SET digest = $2, terms = terms - 'limits'
 WHERE campaign = $1 AND revision = (SELECT max(revision) FROM referral.revision WHERE campaign = $1)
