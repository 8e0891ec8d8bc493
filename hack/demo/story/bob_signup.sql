-- The visitor becomes a user.
INSERT INTO referral.signup (user_id, visitor_id)
VALUES ('bob', 'visitor-1');
