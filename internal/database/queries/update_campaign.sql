-- Writes a campaign as declared. Rides on the key.
UPDATE referral.campaign
   SET mode = $2, starts_at = $3, ends_at = $4, attribution_window = $5, destination = $6,
       uid = $7, generation = $8, policy = $9, policy_uid = $10, policy_generation = $11,
       budget_amount = $12, budget_currency = $13, resync_interval = $14,
       declared_at = clock_timestamp()
 WHERE name = $1
