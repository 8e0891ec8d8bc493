-- Notes the generation that settings are about to be of. Does nothing where a
-- later one has been noted, or where another owns the schema. Whoever declares
-- campaigns waits until the transaction ends.
UPDATE referral.owner SET generation = $2 WHERE uid = $1 AND released_at IS NULL AND generation <= $2
