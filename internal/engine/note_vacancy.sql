-- Referrers who have a place under their cap again, and room for who is next:
-- until that one has been looked at, nobody relies on it that the others in line
-- wait for the cap.
-- Rides on pair_line_referrer.
INSERT INTO referral.refiling (campaign, referrer_id, noted_up_to)
SELECT r.campaign, r.referrer_id, nextval('referral.change_id_seq')
  FROM unnest($1::text[], $2::text[]) AS r(campaign, referrer_id)
 WHERE EXISTS (SELECT
                 FROM referral.pair AS p
                WHERE p.campaign = r.campaign AND p.referrer_id = r.referrer_id AND p.needs IS NOT NULL
                  AND p.reason = 'CapReached' AND p.state = 'Waiting');
