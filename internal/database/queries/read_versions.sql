-- The versions of schema and rules. One row.
SELECT schema_version, rules_version FROM referral.meta
