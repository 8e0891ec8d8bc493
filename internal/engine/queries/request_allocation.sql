-- Requests an allocation for each of these campaigns in which pairs wait. A campaign whose capacity
-- or waitlist was changed is locked. A resync also requests allocations without a change: a batch
-- may remove such a request although it has read the capacity before.
-- Uses waitlist_order.
INSERT INTO referral.allocation_request (campaign)
SELECT c.campaign
  FROM unnest($1::text[]) AS c(campaign)
 WHERE EXISTS (SELECT FROM referral.waitlist AS w WHERE w.campaign = c.campaign);
