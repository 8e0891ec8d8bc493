-- What is recorded differently has been removed before.
INSERT INTO referral.credit (user_id, purchase_id, reward, campaign, beneficiary_id, currency, amount, checksum)
SELECT user_id, purchase_id, reward, campaign, beneficiary_id, currency, amount,
       referral.checksum_of_credit(user_id, purchase_id, reward, campaign, beneficiary_id, currency, amount)
  FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bigint[])
       AS earned(user_id, purchase_id, reward, campaign, beneficiary_id, currency, amount);
