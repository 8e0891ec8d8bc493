-- Creates missing writers' rows of these accounts, except where a writer's open transaction is
-- creating one.
-- Uses writer_account_pkey.
SELECT referral.create_writer_account(n.beneficiary_id, n.currency)
  FROM unnest($1::text[], $2::text[]) AS n(beneficiary_id, currency)
 WHERE NOT EXISTS (SELECT FROM referral.writer_account AS w
                    WHERE w.beneficiary_id = n.beneficiary_id AND w.currency = n.currency);
