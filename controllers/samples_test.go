package controllers_test

// What a platform team applies, as short as it can be.
const (
	shopYAML = `
apiVersion: referral-operator.io/v1alpha1
kind: AttributionDatabase
metadata: {name: shop}
spec:
  secretRef: {name: shop-db}
  roles: {writers: [shop], readers: [bi]}
`
	fiveDollarsYAML = `
apiVersion: referral-operator.io/v1alpha1
kind: RewardPolicy
metadata: {name: five-dollars}
spec:
  rewards:
  - {name: inviter, beneficiary: Referrer, fixed: {amount: "5.00", currency: USD}}
`
	inviteFriendsYAML = `
apiVersion: referral-operator.io/v1alpha1
kind: ReferralCampaign
metadata: {name: invite-friends}
spec:
  databaseRef: {name: shop}
  policyRef: {name: five-dollars}
`
	allYAML = shopYAML + "---" + fiveDollarsYAML + "---" + inviteFriendsYAML
)

// oneFriend is what the shop records when bob comes through alice's link and buys.
const oneFriend = `
	INSERT INTO referral.link (code, campaign, referrer_id) VALUES ('alice-1', 'invite-friends', 'alice');
	INSERT INTO referral.signup (user_id, code) VALUES ('bob', 'alice-1');
	INSERT INTO referral.purchase (user_id, purchase_id, amount, currency) VALUES ('bob', 'order-1', 2500, 'USD');`
