-- Inserts a campaign that is declared for the first time, unless another transaction has inserted
-- it. Uses campaign_pkey.
INSERT INTO referral.campaign (name, mode, starts_at, ends_at, attribution_window, destination,
                               budget_amount, budget_currency, resync_interval, pairs_per_referrer, highest_cap,
                               uid, generation, policy, policy_uid, policy_generation, declared_at)
VALUES (@name, @mode, @starts_at, @ends_at, @attribution_window, @destination,
        @budget_amount, @budget_currency, @resync_interval, @pairs_per_referrer, @pairs_per_referrer,
        @uid, @generation, @policy, @policy_uid, @policy_generation, clock_timestamp())
ON CONFLICT (name) DO NOTHING
