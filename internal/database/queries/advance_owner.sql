-- Records generation $2 before settings of that generation are written, unless a later one is
-- recorded: returns which one is. No row if another object owns the schema. Locks the owner, so
-- that declarations of campaigns wait.
UPDATE referral.owner SET generation = greatest(generation, $2) WHERE uid = $1 AND released_at IS NULL
RETURNING generation
