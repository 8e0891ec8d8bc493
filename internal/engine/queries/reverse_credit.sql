-- Reads the credits of a campaign in a range of keys.
-- Uses credit_pkey.
SELECT user_id, purchase_id, reward, beneficiary_id, currency, amount
  FROM referral.credit
 WHERE campaign = @campaign AND (user_id, purchase_id) > (@after_user, @after_purchase) AND (@last_user::text IS NULL OR (user_id, purchase_id) <= (@last_user, @last_purchase));
