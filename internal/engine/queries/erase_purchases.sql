-- Blanks those of the given purchases of the user @user_id that are still as they were decided, at
-- most @limit, and records whether their conditions held. Skips purchases that a writer has locked.
-- Uses purchase_pkey.
WITH portion AS MATERIALIZED (
    SELECT p.purchase_id, given.held
      FROM unnest(@purchase_ids::text[], @hashes::bigint[], @conditions_held::boolean[]) AS given(purchase_id, hash, held)
      JOIN referral.purchase AS p ON p.user_id = @user_id AND p.purchase_id = given.purchase_id
     WHERE NOT p.blanked
       AND given.hash = referral.hash_of_purchase(p.purchase_id, p.amount, p.currency, p.purchased_at, p.arrived_at, p.attributes, p.blanked, p.condition_held)
     LIMIT @limit
       FOR UPDATE OF p SKIP LOCKED
)
UPDATE referral.purchase AS p
   SET attributes = '{}', blanked = true, condition_held = portion.held
  FROM portion
 WHERE p.user_id = @user_id AND p.purchase_id = portion.purchase_id;
