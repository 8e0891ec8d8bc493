-- Reads the number of rows of each result table, and a hash of the columns that do not depend on
-- when and by which worker they were written: without times of writing, admission orders and the
-- shards of counters, and with each row's checksum only as right or wrong. Uses no index: it reads
-- all.
SELECT 'attribution' AS what, count(*), coalesce(sum(hashtextextended(
           (user_id, campaign, code, referrer_id, label, touched_at, source, visitor_id, touch_id, facts, via, pairs,
            checksum = referral.checksum_of_attribution(user_id, campaign, code, referrer_id, label, touched_at, source, visitor_id, touch_id))::text, 0)), 0) AS checksum
  FROM referral.attribution
UNION ALL
SELECT 'pair', count(*), coalesce(sum(hashtextextended(
           (user_id, purchase_id, campaign, referrer_id, revision, qualified_at, matures_at, state, reason, postponed, allowed, credits,
            checksum = referral.checksum_of_pair(user_id, purchase_id, campaign, referrer_id, revision, admission_order, ordinal,
                                         qualified_at, matures_at, counted_at, allowed, state, reason, credits))::text, 0)), 0)
  FROM referral.pair
UNION ALL
SELECT 'ordinals', count(*), coalesce(sum(hashtextextended((campaign, referrer_id, ordinal)::text, 0)), 0)
  FROM referral.pair
UNION ALL
SELECT 'credit', count(*), coalesce(sum(hashtextextended(
           (user_id, purchase_id, reward, campaign, beneficiary_id, currency, amount, checksum)::text, 0)), 0)
  FROM referral.credit
UNION ALL
SELECT 'ledger', count(*), coalesce(sum(hashtextextended(
           (user_id, purchase_id, reward, seq, campaign, revision, beneficiary_id, amount, currency, kind, reason, checksum)::text, 0)), 0)
  FROM referral.ledger
UNION ALL
SELECT 'engine_account', count(*), coalesce(sum(hashtextextended(a::text, 0)), 0)
  FROM referral.engine_account AS a
UNION ALL
SELECT 'referrer', count(*), coalesce(sum(hashtextextended(r::text, 0)), 0)
  FROM referral.referrer AS r
UNION ALL
SELECT 'pair_count', count(DISTINCT campaign), sum(granted) + 3 * sum(held) + 5 * sum(waiting) + 7 * sum(reversed) + 11 * sum(awaiting_purchase)
  FROM referral.pair_count
UNION ALL
SELECT 'credit_count', count(DISTINCT (campaign, currency)), sum(granted) + 3 * sum(held) + 5 * sum(reversed)
  FROM referral.credit_count
 ORDER BY what;
