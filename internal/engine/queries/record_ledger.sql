-- Appends. The key (user_id, purchase_id, reward, seq) refuses an entry that another batch has made
-- meanwhile.
INSERT INTO referral.ledger
       (user_id, purchase_id, reward, seq, campaign, revision, beneficiary_id, amount, currency, kind, reason, checksum)
SELECT user_id, purchase_id, reward, seq, campaign, revision, beneficiary_id, amount, currency, kind, reason,
       referral.checksum_of_entry(user_id, purchase_id, reward, seq, campaign, revision, beneficiary_id, amount, currency, kind, reason)
  FROM unnest($1::text[], $2::text[], $3::text[], $4::int[], $5::text[], $6::int[],
              $7::text[], $8::bigint[], $9::text[], $10::text[], $11::text[])
       AS decided(user_id, purchase_id, reward, seq, campaign, revision, beneficiary_id, amount, currency, kind, reason);
