-- Records that the owner's generation $2 is in force, unless a later one is: returns which one is. No
-- row if another object owns the schema. Locks the owner, so that declarations of campaigns wait.
UPDATE referral.owner SET generation = greatest(generation, $2) WHERE uid = $1 AND released_at IS NULL
RETURNING generation
