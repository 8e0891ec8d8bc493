-- Reads the newest ledger entries, at most $3 each, of purchases ($2) of a user ($1). Uses
-- ledger_pkey.
SELECT l.purchase_id, l.entered_at, l.kind, l.reward, l.beneficiary_id, l.amount, l.currency, l.reason, l.revision
  FROM unnest($2::text[]) AS p(purchase_id)
 CROSS JOIN LATERAL (SELECT * FROM referral.ledger
                      WHERE user_id = $1 AND ledger.purchase_id = p.purchase_id
                      ORDER BY entered_at DESC, entry_id DESC LIMIT $3) AS l
