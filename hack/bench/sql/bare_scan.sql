-- The least that a verification does: one scan of each table of results that compares each row with
-- its checksum, without ranges, joins or rules. Uses no index.
SELECT (SELECT count(*) FROM referral.attribution
         WHERE checksum IS DISTINCT FROM referral.checksum_of_attribution(user_id, campaign, code, referrer_id, label, touched_at, source, visitor_id, touch_id))
     + (SELECT count(*) FROM referral.pair
         WHERE checksum IS DISTINCT FROM referral.checksum_of_pair(user_id, purchase_id, campaign, referrer_id, revision, admission_order, ordinal,
                                                                   qualified_at, matures_at, counted_at, allowed, state, reason, credits))
     + (SELECT count(*) FROM referral.credit
         WHERE checksum IS DISTINCT FROM referral.checksum_of_credit(user_id, purchase_id, reward, campaign, beneficiary_id, currency, amount))
     + (SELECT count(*) FROM referral.ledger
         WHERE checksum IS DISTINCT FROM referral.checksum_of_entry(user_id, purchase_id, reward, seq, campaign, revision, beneficiary_id, amount, currency,
                                                                    kind, reason))
