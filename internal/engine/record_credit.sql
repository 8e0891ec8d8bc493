-- Rides on credit_pkey.
INSERT INTO referral.credit (user_id, purchase_id, reward, campaign, beneficiary_id, currency, amount)
SELECT *
  FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bigint[])
    ON CONFLICT (user_id, purchase_id, reward) DO UPDATE
   SET campaign = excluded.campaign, beneficiary_id = excluded.beneficiary_id,
       currency = excluded.currency, amount = excluded.amount;
