-- Inserts incidents, or updates how many pairs they withhold.
-- Uses incident_pkey, whose rows are locked.
INSERT INTO referral.incident (id, campaign, cause, state, present, withheld)
SELECT id, campaign, @cause, state, present, withheld
  FROM unnest(@ids::text[], @campaigns::text[], @states::text[], @present::bigint[], @withheld::bigint[]) AS d(id, campaign, state, present, withheld)
    ON CONFLICT (id) DO UPDATE SET state = excluded.state, withheld = excluded.withheld;
