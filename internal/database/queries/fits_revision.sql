-- Reports whether campaign $1 may record a revision with digest $2 and terms $3.
-- It may if, with it, the revisions of all campaigns take at most $4 bytes of an engine's memory,
-- or at most $5 if it returns to the terms of the revision before the newest. Beside its text an
-- amount takes at most 64 bytes, and a reward or a tier less than 64 for each colon in its text.
-- Reads table revision whole, but only for a declaration of other terms than those in force.
WITH recorded AS (
    SELECT terms::text AS text FROM referral.revision
    UNION ALL
    SELECT $3::jsonb::text
), weight AS (
    SELECT sum(1024 + octet_length(text) + 64 * (octet_length(text) - octet_length(replace(text, ':', '')))) AS bytes FROM recorded
), own AS (
    SELECT digest, terms, row_number() OVER (ORDER BY revision DESC) AS age FROM referral.revision WHERE campaign = $1
)
SELECT w.bytes <= CASE WHEN EXISTS (SELECT FROM own WHERE age = 2 AND (digest = $2 OR terms - 'limits' = $3::jsonb))
                       THEN $5::bigint ELSE $4::bigint END
  FROM weight AS w
