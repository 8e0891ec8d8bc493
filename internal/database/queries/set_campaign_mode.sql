-- Changes what a campaign does and nothing else of it. Rides on the key.
UPDATE referral.campaign SET mode = $2, declared_at = clock_timestamp() WHERE name = $1
