-- Writes a campaign that is declared for the first time, unless somebody else
-- did so at the same time. Rides on the key.
INSERT INTO referral.campaign (name, mode, starts_at, ends_at, attribution_window, destination,
                               uid, generation, policy, policy_uid, policy_generation,
                               budget_amount, budget_currency, resync_interval, declared_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, clock_timestamp())
ON CONFLICT (name) DO NOTHING
