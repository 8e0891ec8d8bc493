-- Owner, and whether the attribution model is $1. One row.
SELECT coalesce((SELECT uid FROM referral.owner WHERE released_at IS NULL), '') AS owner_uid, attribution = $1 AS same
  FROM referral.meta
