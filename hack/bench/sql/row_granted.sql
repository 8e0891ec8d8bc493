-- Reads what a purchase has been granted so far. Uses ledger_pkey.
SELECT coalesce(sum(amount), 0)::bigint FROM referral.ledger WHERE user_id = $1 AND purchase_id = $2;
