-- Rides on loss_pkey, whose rows are locked.
UPDATE referral.loss AS l
   SET began_at = CASE WHEN d.anew THEN clock_timestamp() ELSE l.began_at END,
       reversed = d.reversed, incident = nullif(d.incident, ''), allowed = d.allowed, pairs = d.pairs, granted = d.granted
  FROM unnest($1::text[], $2::bool[], $3::bigint[], $4::text[], $5::bool[], $6::bigint[], $7::bigint[])
       AS d(campaign, anew, reversed, incident, allowed, pairs, granted)
 WHERE l.campaign = d.campaign;
