-- A visitor of whom nothing else is known yet.
INSERT INTO referral.touch (visitor_id, code)
VALUES ('visitor-1', 'alice-7q2k');
