-- Inserts touches, in the order of their keys so that two writers do not deadlock. A touch that
-- exists already, from a retried write or from its visitor's signup, stays as it is, except that a
-- touch from a signup gets its landing URL and referer, which tokens do not carry. A touch without
-- them that exists is left out, so that a signup does not wait for who has locked the row.
-- A touch from a tracker whose clock is ahead is stored as of now: a signup that follows gets its
-- time from the database's clock, and a later touch does not count for it.
-- Uses touch_pkey.
INSERT INTO referral.touch AS t (visitor_id, touch_id, code, touched_at, landing_url, referer)
SELECT DISTINCT ON (visitor_id, touch_id)
       visitor_id, touch_id, code, least(touched_at, now()), nullif(landing_url, ''), nullif(referer, '')
  FROM unnest(@visitor_ids::text[], @touch_ids::text[], @codes::text[], @touched_at::timestamptz[],
              @landing_urls::text[], @referers::text[])
       AS given (visitor_id, touch_id, code, touched_at, landing_url, referer)
 WHERE landing_url <> '' OR referer <> ''
    OR NOT EXISTS (SELECT FROM referral.touch AS stored WHERE stored.visitor_id = given.visitor_id AND stored.touch_id = given.touch_id)
 ORDER BY visitor_id, touch_id, landing_url DESC
    ON CONFLICT (visitor_id, touch_id) DO UPDATE SET landing_url = excluded.landing_url, referer = excluded.referer
 WHERE t.landing_url IS NULL AND t.referer IS NULL AND (excluded.landing_url IS NOT NULL OR excluded.referer IS NOT NULL);
