-- Reports whether anything is pending, but for the erasures of users $1, which wait for a writer or
-- for a suspended campaign, and how far those are. Uses no index.
SELECT EXISTS (SELECT FROM referral.change) OR EXISTS (SELECT FROM referral.allocation_request)
    OR EXISTS (SELECT FROM referral.pair WHERE state = 'Held' AND NOT postponed AND matures_at <= now())
    OR EXISTS (SELECT FROM referral.erasing WHERE campaign IS NULL AND user_id <> ALL ($1))
    OR EXISTS (SELECT FROM referral.reversal AS r JOIN referral.campaign AS c ON c.name = r.campaign
                WHERE c.mode = 'Reversing' AND NOT r.done),
       coalesce((SELECT string_agg(v::text, ' ' ORDER BY v::text) FROM referral.erasing_visitor AS v), '')
