-- Records that object $2 of campaign $1 was deleted: its declarations are ignored from then on.
-- Uses campaign_pkey.
UPDATE referral.campaign
   SET deleted_uids = (deleted_uids || $2::text)[greatest(1, cardinality(deleted_uids) - 14):]
 WHERE name = $1 AND $2 <> ALL (deleted_uids)
