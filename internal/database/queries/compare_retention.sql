-- Owner, and whether touches are kept for $1 microseconds; null: for ever. One row.
SELECT coalesce((SELECT uid FROM referral.owner WHERE released_at IS NULL), '') AS owner_uid,
       touches IS NOT DISTINCT FROM $1::bigint AS same
  FROM referral.retention
