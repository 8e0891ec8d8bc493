-- Appends ledger entries. The key (user_id, purchase_id, reward, seq) refuses an entry that another
-- batch has appended meanwhile.
-- Uses ledger_pkey.
INSERT INTO referral.ledger
       (user_id, purchase_id, reward, seq, campaign, revision, beneficiary_id, amount, currency, kind, reason, checksum)
SELECT user_id, purchase_id, reward, seq, campaign, revision, beneficiary_id, amount, currency, kind, reason,
       referral.checksum_of_entry(user_id, purchase_id, reward, seq, campaign, revision, beneficiary_id, amount, currency, kind, reason)
  FROM unnest(@user_ids::text[], @purchase_ids::text[], @rewards::text[], @seqs::int[], @campaigns::text[], @revisions::int[],
              @beneficiary_ids::text[], @amounts::bigint[], @currencies::text[], @kinds::text[], @reasons::text[])
       AS decided(user_id, purchase_id, reward, seq, campaign, revision, beneficiary_id, amount, currency, kind, reason);
