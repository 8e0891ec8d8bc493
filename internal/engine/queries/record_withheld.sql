-- Withholds pairs. Uses withheld_pkey.
INSERT INTO referral.withheld (campaign, user_id, purchase_id, cause, incident)
SELECT campaign, user_id, purchase_id, $1, incident
  FROM unnest($2::text[], $3::text[], $4::text[], $5::text[]) AS d(campaign, user_id, purchase_id, incident);
