-- Makes object $2, which is being deleted, the one that declared campaign $1 last. Neither it nor
-- the object before declares anything any more. Uses campaign_pkey.
UPDATE referral.campaign
   SET deleted_uids = (array_remove(deleted_uids, uid) || ARRAY[uid, $2::text])[greatest(1, cardinality(array_remove(deleted_uids, uid)) - 13):],
       uid = $2
 WHERE name = $1
