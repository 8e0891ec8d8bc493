-- Records the next revision of campaign $1, and reports whether it reaches earlier pairs, so that
-- it needs a rollout. With the terms of the revision before the newest it withdraws the newest.
-- That revision may have been recorded with limits, and have the digest of these as well. The
-- campaign's row is locked, so the number is free. Uses revision_pkey.
INSERT INTO referral.revision (campaign, revision, digest, terms, scope, withdraws)
SELECT $1, 1 + coalesce(max(revision), 0), $2, $3, $4,
       CASE WHEN (SELECT digest = $2 OR terms - 'limits' = $3::jsonb
                    FROM referral.revision WHERE campaign = $1 ORDER BY revision DESC OFFSET 1 LIMIT 1)
            THEN max(revision) END
  FROM referral.revision WHERE campaign = $1
RETURNING revision > 1 AND (scope <> 'NewPairs' OR withdraws IS NOT NULL)
