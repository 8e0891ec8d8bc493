-- Reports whether a revision with terms $1 leaves the revisions of all campaigns within $2 bytes of
-- an engine's memory. Every amount, reward and tier has a colon of its own or more, and takes up to
-- 128 bytes beside its text.
-- Reads table revision whole: only an edit of terms asks.
SELECT sum(1024 + octet_length(t.text) + 128 * (octet_length(t.text) - octet_length(replace(t.text, ':', '')))) <= $2
  FROM (SELECT terms::text FROM referral.revision UNION ALL SELECT $1::jsonb::text) AS t (text)
