-- Reads credits. Verifies checksums only if $2.
-- Uses credit_pkey.
SELECT user_id, purchase_id, reward, campaign, beneficiary_id, currency, amount,
       CASE WHEN $2::bool THEN checksum IS NOT DISTINCT FROM referral.checksum_of_credit(user_id, purchase_id, reward, campaign, beneficiary_id,
                                                                                 currency, amount) ELSE true END AS intact,
       checksum IS NOT DISTINCT FROM 0 AS unchecked
  FROM referral.credit
 WHERE user_id = ANY ($1);
