-- Inserts credits. Rows that differed have been deleted before. Uses no index.
INSERT INTO referral.credit (user_id, purchase_id, reward, campaign, beneficiary_id, currency, amount, checksum)
SELECT user_id, purchase_id, reward, campaign, beneficiary_id, currency, amount,
       referral.checksum_of_credit(user_id, purchase_id, reward, campaign, beneficiary_id, currency, amount)
  FROM unnest(@user_ids::text[], @purchase_ids::text[], @rewards::text[], @campaigns::text[], @beneficiary_ids::text[], @currencies::text[], @amounts::bigint[])
       AS earned(user_id, purchase_id, reward, campaign, beneficiary_id, currency, amount);
