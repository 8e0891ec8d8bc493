-- Dequeues other changes of a referee that is set aside, at most 10,000: deciding
-- it for each of them would fail as often.
-- Uses change_key.
DELETE FROM referral.change
 WHERE ctid = ANY (ARRAY(SELECT ctid
                           FROM referral.change
                          WHERE shard = referral.shard_of($1) AND key = $1 AND kind = 'Referee'
                          LIMIT 10000));
