-- Two transactions. The purchase cannot count yet.
INSERT INTO referral.purchase (user_id, purchase_id, amount, currency)
VALUES ('dave', 'order-4', 3200, 'USD');

INSERT INTO referral.signup (user_id, visitor_id, signed_up_at)
VALUES ('dave', 'visitor-2', now() - interval '1 hour');
