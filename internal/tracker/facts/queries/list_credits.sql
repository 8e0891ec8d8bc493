-- Lists, after a key, the pairs of a referrer with the referrer's credits, and the credits that the
-- same user earns as a referee. Pairs are found by attributions, because no index finds them by
-- referrer: a reversed pair whose referee is not attributed to the referrer any more is left out.
-- Uses attribution_referrer, pair_pkey and credit_pkey.
(SELECT p.user_id, p.purchase_id, coalesce(c.reward, '') AS reward, p.campaign, p.state, p.reason,
        c.amount, c.currency, p.qualified_at, p.matures_at, p.decided_at
   FROM referral.attribution AS a
   JOIN referral.pair AS p ON p.user_id = a.user_id AND p.referrer_id = @beneficiary_id
   LEFT JOIN referral.credit AS c ON c.user_id = p.user_id AND c.purchase_id = p.purchase_id AND c.beneficiary_id = @beneficiary_id
  WHERE a.referrer_id = @beneficiary_id AND a.user_id >= @user_id AND p.user_id >= @user_id
    AND (p.user_id, p.purchase_id, coalesce(c.reward, '')) > (@user_id, @purchase_id, @reward)
  ORDER BY p.user_id, p.purchase_id, coalesce(c.reward, '')
  LIMIT @limit)
UNION ALL
(SELECT p.user_id, p.purchase_id, c.reward, p.campaign, p.state, p.reason,
        c.amount, c.currency, p.qualified_at, p.matures_at, p.decided_at
   FROM referral.pair AS p
   JOIN referral.credit AS c ON c.user_id = p.user_id AND c.purchase_id = p.purchase_id AND c.beneficiary_id = @beneficiary_id
  WHERE p.user_id = @beneficiary_id AND p.referrer_id <> @beneficiary_id
    AND (p.user_id, p.purchase_id, c.reward) > (@user_id, @purchase_id, @reward)
  ORDER BY p.user_id, p.purchase_id, c.reward
  LIMIT @limit)
 ORDER BY user_id, purchase_id, reward
 LIMIT @limit;
