-- Owner, and whether meta.suspended is $1. One row.
SELECT coalesce((SELECT uid FROM referral.owner WHERE released_at IS NULL), '') AS owner_uid, suspended = $1 AS same
  FROM referral.meta
