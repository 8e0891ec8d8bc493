-- Counts granted pairs, ledger entries with their sum, and pairs on the waitlist. Uses no index: it
-- reads all.
SELECT (SELECT count(*) FROM referral.pair WHERE state = 'Granted'),
       (SELECT count(*) FROM referral.ledger),
       (SELECT coalesce(sum(amount), 0)::bigint FROM referral.ledger),
       (SELECT count(*) FROM referral.waitlist);
