-- Recorded late: the visit was before the signup.
INSERT INTO referral.touch (visitor_id, code, touched_at)
VALUES ('visitor-2', 'alice-7q2k', now() - interval '2 hours');
