-- Adds what was put right to the sums of each campaign.
-- Uses resync_campaign_pkey.
INSERT INTO referral.resync_campaign AS r (campaign, attributions, pairs, sums, drift_corrected)
SELECT campaign, attributions, pairs, sums, attributions + pairs + sums
  FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[]) AS d(campaign, attributions, pairs, sums)
    ON CONFLICT (campaign) DO UPDATE
   SET attributions = r.attributions + excluded.attributions, pairs = r.pairs + excluded.pairs, sums = r.sums + excluded.sums,
       drift_corrected = r.drift_corrected + excluded.drift_corrected;
