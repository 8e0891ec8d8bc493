-- Blanks those of the given purchases of the user @user_id that are still as they were decided, at
-- most @limit, and records whether their conditions held. Skips purchases that a writer has locked.
-- Returns how many it blanked: a trigger may keep a row as it is.
--
-- Each row is found by its whole key and changed by ctid: the planner does not expect that a user
-- has many rows, and may read all of them for each.
-- Uses purchase_pkey.
WITH given AS MATERIALIZED (
    SELECT @user_id::text COLLATE "C" AS user_id, purchase_id COLLATE "C" AS purchase_id, hash, held
      FROM unnest(@purchase_ids::text[], @hashes::bigint[], @conditions_held::boolean[]) AS decided(purchase_id, hash, held)
), portion AS MATERIALIZED (
    SELECT p.ctid, given.held
      FROM given
      JOIN referral.purchase AS p ON p.user_id = given.user_id AND p.purchase_id = given.purchase_id
     WHERE NOT p.blanked
       AND given.hash = referral.hash_of_purchase(p.purchase_id, p.amount, p.currency, p.purchased_at, p.arrived_at, p.attributes, p.blanked, p.condition_held)
     LIMIT @limit
       FOR UPDATE OF p SKIP LOCKED
), changed AS (
    UPDATE referral.purchase AS p
       SET attributes = '{}', blanked = true, condition_held = portion.held
      FROM portion
     WHERE p.ctid = portion.ctid
    RETURNING p.blanked
)
SELECT count(*) FROM changed WHERE blanked;
