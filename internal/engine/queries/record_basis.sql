-- Records the hashes and the number of pairs of attributions that stay as they are.
-- Uses attribution_pkey.
UPDATE referral.attribution AS a
   SET facts = d.facts, via = d.via, pairs = d.pairs
  FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::int[]) AS d(user_id, facts, via, pairs)
 WHERE a.user_id = d.user_id;
