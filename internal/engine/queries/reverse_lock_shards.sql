-- Locks, in shard order, the shards of the referees in a range of keys that have something of
-- campaign $1. Whoever works on one of them is waited for; no batch waits for a shard while it has
-- one. The range ends with ($4, $5), or where $4 is null, with the last key.
-- Uses pair_pkey, waitlist_pkey, credit_pkey and ledger_pkey.
SELECT shard
  FROM referral.shard
 WHERE shard IN (SELECT referral.shard_of(user_id) FROM referral.pair
                  WHERE campaign = $1 AND (user_id, purchase_id) > ($2, $3) AND ($4::text IS NULL OR (user_id, purchase_id) <= ($4, $5))
                 UNION
                 SELECT referral.shard_of(user_id) FROM referral.waitlist
                  WHERE campaign = $1 AND (user_id, purchase_id) > ($2, $3) AND ($4::text IS NULL OR (user_id, purchase_id) <= ($4, $5))
                 UNION
                 SELECT referral.shard_of(user_id) FROM referral.credit
                  WHERE campaign = $1 AND (user_id, purchase_id) > ($2, $3) AND ($4::text IS NULL OR (user_id, purchase_id) <= ($4, $5))
                 UNION
                 SELECT referral.shard_of(user_id) FROM referral.ledger
                  WHERE campaign = $1 AND (user_id, purchase_id) > ($2, $3) AND ($4::text IS NULL OR (user_id, purchase_id) <= ($4, $5)))
 ORDER BY shard
   FOR UPDATE;
