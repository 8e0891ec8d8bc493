-- The visitor becomes the user carol.
INSERT INTO referral.signup (user_id, visitor_id)
VALUES ('carol', 'visitor-1');
