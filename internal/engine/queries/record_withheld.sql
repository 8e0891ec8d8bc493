-- Records pairs as withheld.
-- Uses withheld_pkey.
INSERT INTO referral.withheld (campaign, user_id, purchase_id, cause, incident)
SELECT campaign, user_id, purchase_id, @cause, incident
  FROM unnest(@campaigns::text[], @user_ids::text[], @purchase_ids::text[], @incidents::text[]) AS d(campaign, user_id, purchase_id, incident);
