-- Is there anything left to do?
SELECT EXISTS (SELECT FROM referral.change) OR EXISTS (SELECT FROM referral.pair WHERE due_at <= now())
    OR EXISTS (SELECT FROM referral.erasing WHERE campaign IS NULL)
