-- Deletes credits that differ.
-- Uses credit_pkey.
DELETE FROM referral.credit AS c
 USING unnest($1::text[], $2::text[], $3::text[]) AS gone(user_id, purchase_id, reward)
 WHERE c.user_id = gone.user_id AND c.purchase_id = gone.purchase_id AND c.reward = gone.reward;
