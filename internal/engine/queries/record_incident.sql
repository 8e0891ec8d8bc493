-- Begins incidents, and records how many pairs they withhold. Uses incident_pkey, whose rows are
-- locked.
INSERT INTO referral.incident (id, campaign, cause, state, present, withheld)
SELECT id, campaign, $1, state, present, withheld
  FROM unnest($2::text[], $3::text[], $4::text[], $5::bigint[], $6::bigint[]) AS d(id, campaign, state, present, withheld)
    ON CONFLICT (id) DO UPDATE SET state = excluded.state, withheld = excluded.withheld;
