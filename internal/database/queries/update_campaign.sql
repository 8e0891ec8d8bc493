-- Updates a campaign to its declaration. If another object declares it, the object before declares
-- nothing any more. A reversal ends: the same pairs may be granted again.
-- If the campaign follows another policy, remembers the generation of the policy before.
-- Uses campaign_pkey, followed_policy_pkey and reversal_pkey.
WITH ended AS (
    DELETE FROM referral.reversal WHERE campaign = @name
), followed AS (
    INSERT INTO referral.followed_policy AS f (campaign, policy_uid, generation)
    SELECT name, policy_uid, policy_generation
      FROM referral.campaign
     WHERE name = @name AND policy_uid <> @policy_uid
    ON CONFLICT (campaign, policy_uid) DO UPDATE SET generation = greatest(f.generation, excluded.generation)
)
UPDATE referral.campaign
   SET mode = @mode, starts_at = @starts_at, ends_at = @ends_at,
       attribution_window = @attribution_window, destination = @destination,
       budget_amount = @budget_amount, budget_currency = @budget_currency, resync_interval = @resync_interval,
       pairs_per_referrer = @pairs_per_referrer,
       highest_cap = CASE WHEN @pairs_per_referrer::bigint IS NOT NULL AND highest_cap IS NOT NULL
                          THEN greatest(highest_cap, @pairs_per_referrer) END,
       deleted_uids = CASE WHEN uid = @uid OR uid = ANY (deleted_uids) THEN deleted_uids
                           ELSE (deleted_uids || uid)[greatest(1, cardinality(deleted_uids) - 14):] END,
       uid = @uid, generation = @generation,
       policy = @policy, policy_uid = @policy_uid, policy_generation = @policy_generation,
       declared_at = clock_timestamp()
 WHERE name = @name
