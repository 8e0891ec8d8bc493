-- Requests an allocation for each of these campaigns in which pairs wait. The campaigns need not
-- be locked: only the batch that serves a request removes it.
-- Uses waitlist_order.
INSERT INTO referral.allocation_request (campaign)
SELECT c.campaign
  FROM unnest($1::text[]) AS c(campaign)
 WHERE EXISTS (SELECT FROM referral.waitlist AS w WHERE w.campaign = c.campaign);
