-- Reads all results of the engine. Uses no index.
SELECT 'attribution' AS of, to_jsonb(a) FROM referral.attribution AS a
UNION ALL SELECT 'waitlist', to_jsonb(w) FROM referral.waitlist AS w
UNION ALL SELECT 'pair', to_jsonb(p) FROM referral.pair AS p
UNION ALL SELECT 'credit', to_jsonb(c) FROM referral.credit AS c
UNION ALL SELECT 'ledger', to_jsonb(l) FROM referral.ledger AS l
UNION ALL SELECT 'account', to_jsonb(b) FROM referral.balance AS b WHERE (available, held) <> (0, 0)
UNION ALL SELECT 'set_aside', to_jsonb(s) FROM referral.set_aside AS s
