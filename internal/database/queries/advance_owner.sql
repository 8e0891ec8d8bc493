-- Records generation $2 before settings of that generation are written. Updates no row if a later
-- generation is recorded or another object owns the schema. Locks the owner, so that declarations
-- of campaigns wait.
UPDATE referral.owner SET generation = $2 WHERE uid = $1 AND released_at IS NULL AND generation <= $2
