-- Reports whether campaign $1 may record a revision with digest $2 and terms $3: with it, the
-- revisions of all campaigns take at most $4 bytes of an engine's memory, or at most $5 if the terms
-- are those of the revision before the newest. Beside its text an amount takes at most 64 bytes, and a
-- reward or a tier less than 64 for each colon in its text.
-- Reads table revision whole: only an edit of terms asks.
WITH recorded AS (
    SELECT terms::text AS text FROM referral.revision
    UNION ALL
    SELECT $3::jsonb::text
), before AS (
    SELECT digest FROM referral.revision WHERE campaign = $1 ORDER BY revision DESC OFFSET 1 LIMIT 1
)
SELECT sum(1024 + octet_length(text) + 64 * (octet_length(text) - octet_length(replace(text, ':', ''))))
       <= CASE WHEN $2 = (SELECT digest FROM before) THEN $5::bigint ELSE $4::bigint END
  FROM recorded
