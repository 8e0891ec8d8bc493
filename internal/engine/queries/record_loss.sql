-- Records the counts of lost pairs of campaigns.
-- Uses loss_pkey, whose rows are locked.
UPDATE referral.loss AS l
   SET began_at = CASE WHEN d.restarts THEN clock_timestamp() ELSE l.began_at END, present = d.present, lost = d.lost
  FROM unnest($1::text[], $2::bool[], $3::bigint[], $4::bigint[]) AS d(campaign, restarts, present, lost)
 WHERE l.campaign = d.campaign;
