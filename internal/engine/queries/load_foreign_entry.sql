-- Finds which of these purchases have ledger entries that the engine did not make, or that were
-- altered: their checksums are wrong. Reads by campaign and currency how much such entries take.
-- Uses ledger_pkey.
SELECT l.user_id, l.purchase_id, l.campaign, l.currency, least(9223372036854775807, -sum(least(l.amount, 0)))::bigint
  FROM unnest($1::text[], $2::text[]) AS wanted(user_id, purchase_id)
  JOIN referral.ledger AS l ON l.user_id = wanted.user_id AND l.purchase_id = wanted.purchase_id
 WHERE l.checksum IS DISTINCT FROM referral.checksum_of_entry(l.user_id, l.purchase_id, l.reward, l.seq, l.campaign, l.revision,
                                                              l.beneficiary_id, l.amount, l.currency, l.kind, l.reason)
 GROUP BY l.user_id, l.purchase_id, l.campaign, l.currency;
