-- Refunds the first purchase of these referees in full.
INSERT INTO referral.refund (user_id, purchase_id, refund_id, amount)
SELECT user_id, purchase_id, 'full', amount
  FROM referral.purchase
 WHERE user_id = ANY ($1) AND purchase_id LIKE '%-1';
