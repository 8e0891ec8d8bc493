-- Reports whether anything is pending. Uses no index.
SELECT EXISTS (SELECT FROM referral.change) OR EXISTS (SELECT FROM referral.allocation_request)
    OR EXISTS (SELECT FROM referral.pair WHERE state = 'Held' AND NOT postponed AND matures_at <= now())
    OR EXISTS (SELECT FROM referral.erasing WHERE campaign IS NULL)
    OR EXISTS (SELECT FROM referral.reversal AS r JOIN referral.campaign AS c ON c.name = r.campaign
                WHERE c.mode = 'Reversing' AND NOT r.done)
