-- Records that an unknown visitor followed the link.
INSERT INTO referral.touch (visitor_id, code)
VALUES ('visitor-1', 'alice-7q2k');
