package controllers_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
	"github.com/referral-operator/referral-operator/internal/testworld"
)

// friends have so many people come through alice's link and buy.
func (w *world) friends(own *testworld.Database, names ...string) {
	w.Helper()
	w.shop(own, `INSERT INTO referral.link (code, campaign, referrer_id) VALUES ('alice-1', 'invite-friends', 'alice') ON CONFLICT DO NOTHING`)
	for _, name := range names {
		w.shop(own, "INSERT INTO referral.signup (user_id, code) VALUES ($1, 'alice-1')", name)
		w.shop(own, `INSERT INTO referral.purchase (user_id, purchase_id, amount, currency) VALUES ($1, 'order', 2500, 'USD')`, name)
	}
}

func TestBudgetIsNotExceededAndReportsExhaustion(t *testing.T) {
	t.Parallel()
	w, own := newShop(t)
	campaign := w.rcamp("invite-friends")
	w.patch("rcamp", "invite-friends", `{"budget":{"amount":"12.00","currency":"USD"}}`)
	await(w, campaign, "with a budget", func(c *v1alpha1.ReferralCampaign) bool {
		return len(c.Status.Credits) == 1 && c.Status.Credits[0].BudgetRemaining == "12.00"
	})
	w.friends(own, "bob", "carol", "dave")
	used := w.awaitReason(campaign, metav1.ConditionTrue, v1alpha1.BudgetExhaustedReason)
	await(w, campaign, "full", func(c *v1alpha1.ReferralCampaign) bool {
		return c.Status.Pairs.Granted == 2 && c.Status.Pairs.Waiting == 1 && c.Status.Credits[0].BudgetRemaining == "2.00"
	})
	await(w, campaign, "naming the waiting pairs", func(c *v1alpha1.ReferralCampaign) bool {
		used = *meta.FindStatusCondition(c.Status.Conditions, v1alpha1.ReadyCondition)
		return strings.Contains(used.Message, "the remaining 2.00 USD of the budget of 12.00 USD is too little for another pair; 1 pair waits and is admitted")
	})
	if len(campaign.Status.Conditions) != 1 {
		t.Errorf("conditions: %v", campaign.Status.Conditions)
	}

	w.patch("rcamp", "invite-friends", `{"budget":{"amount":"100.00"}}`)
	await(w, campaign, "admitted", func(c *v1alpha1.ReferralCampaign) bool {
		return c.Status.Pairs.Granted == 3 && c.Status.Credits[0].BudgetRemaining == "85.00"
	})
	w.awaitReady(campaign)

	// Lowered below what is in use, it takes nothing back.
	w.patch("rcamp", "invite-friends", `{"budget":{"amount":"10.00"}}`)
	await(w, campaign, "overdrawn", func(c *v1alpha1.ReferralCampaign) bool { return c.Status.Credits[0].BudgetRemaining == "-5.00" })
	if credit := campaign.Status.Credit; credit != "15.00 USD" {
		t.Errorf("credit: %s", credit)
	}
	w.patch("rcamp", "invite-friends", `{"budget":null}`)
	await(w, campaign, "without a budget", func(c *v1alpha1.ReferralCampaign) bool { return c.Status.Credits[0].BudgetRemaining == "" })
	w.awaitReady(campaign)
}

// What a percentage will come to is unknown, but without a cap a waiting pair can only wait for the
// budget.
func TestBudgetIsExhaustedWhileAPercentageWaits(t *testing.T) {
	t.Parallel()
	w, own := newShop(t)
	campaign := w.rcamp("invite-friends")
	w.apply(strings.Replace(fiveDollarsYAML, `fixed: {amount: "5.00", currency: USD}`, `percentage: {rate: "10"}`, 1))
	w.patch("rcamp", "invite-friends", `{"budget":{"amount":"4.00","currency":"USD"}}`)
	await(w, campaign, "under a percentage", func(c *v1alpha1.ReferralCampaign) bool { return c.Status.Policy.Revision == 2 })
	w.friends(own, "bob", "carol")
	w.awaitReason(campaign, metav1.ConditionTrue, v1alpha1.BudgetExhaustedReason)
	await(w, campaign, "half full", func(c *v1alpha1.ReferralCampaign) bool {
		ready := meta.FindStatusCondition(c.Status.Conditions, v1alpha1.ReadyCondition)
		return c.Status.Pairs.Granted == 1 && c.Status.Pairs.Waiting == 1 && c.Status.Credits[0].BudgetRemaining == "1.50" &&
			strings.Contains(ready.Message, "the remaining 1.50 USD of the budget of 4.00 USD is not enough for the waiting pairs")
	})
}

func TestPairsBeyondTheCapWait(t *testing.T) {
	t.Parallel()
	w, own := newShop(t)
	campaign := w.rcamp("invite-friends")
	w.patch("rpol", "five-dollars", `{"limits":{"pairsPerReferrer":1}}`)
	w.eventually("capped", func() bool {
		return value[bool](w, own, "SELECT pairs_per_referrer IS NOT DISTINCT FROM 1 FROM referral.campaign")
	})
	w.friends(own, "bob", "carol")
	await(w, campaign, "waiting", func(c *v1alpha1.ReferralCampaign) bool {
		return c.Status.Pairs.Granted == 1 && c.Status.Pairs.Waiting == 1
	})
	w.awaitReady(campaign)
	w.patch("rpol", "five-dollars", `{"limits":null}`)
	await(w, campaign, "admitted", func(c *v1alpha1.ReferralCampaign) bool {
		return c.Status.Pairs.Granted == 2 && c.Status.Pairs.Waiting == 0 && c.Status.Policy.Revision == 1
	})
}

func TestBudgetCurrencyComesFirst(t *testing.T) {
	t.Parallel()
	w, own := newShop(t)
	campaign := w.rcamp("invite-friends")
	w.friends(own, "bob")
	await(w, campaign, "granted", func(c *v1alpha1.ReferralCampaign) bool { return c.Status.Credit == "5.00 USD" })
	w.apply(strings.Replace(fiveDollarsYAML, "currency: USD", "currency: ZAR", 1))
	w.patch("rcamp", "invite-friends", `{"budget":{"amount":"100.00","currency":"ZAR"}}`)
	await(w, campaign, "in two currencies", func(c *v1alpha1.ReferralCampaign) bool { return c.Status.Credit == "0.00 ZAR, 5.00 USD" })
	want := []v1alpha1.CurrencyCredit{
		{Currency: "USD", Granted: "5.00", Held: "0.00", Reversed: "0.00"},
		{Currency: "ZAR", Granted: "0.00", Held: "0.00", Reversed: "0.00", BudgetRemaining: "100.00"},
	}
	if diff := cmp.Diff(want, campaign.Status.Credits); diff != "" {
		t.Error(diff)
	}
}

func TestInvalidBudgetIsNotDeclared(t *testing.T) {
	t.Parallel()
	w, own := newShop(t)
	campaign := w.rcamp("invite-friends")
	w.patch("rcamp", "invite-friends", `{"budget":{"amount":"10.00","currency":"USD"}}`)
	w.awaitReady(campaign)
	const inForce = "SELECT budget_amount || ' ' || budget_currency || ' ' || mode FROM referral.campaign"
	check := func(what, want string) {
		t.Helper()
		if got := value[string](w, own, inForce); got != want {
			t.Errorf("%s: in force is %s, want %s", what, got, want)
		}
	}
	for budget, says := range map[string]string{
		`{"amount":"10.00","currency":"EUR"}`:  `spec.budget.currency: reward "inviter" of RewardPolicy five-dollars is never paid in EUR`,
		`{"amount":"10.005","currency":"USD"}`: `spec.budget.amount: amount "10.005" has more decimals than USD`,
	} {
		w.patch("rcamp", "invite-friends", fmt.Sprintf(`{"budget":%s}`, budget))
		invalid := w.awaitReason(campaign, metav1.ConditionFalse, v1alpha1.InvalidSpecReason)
		if !meta.IsStatusConditionTrue(campaign.Status.Conditions, v1alpha1.StalledCondition) || !strings.Contains(invalid.Message, says) {
			t.Errorf("%s: %v", budget, campaign.Status.Conditions)
		}
		check("after "+budget, "1000 USD Open")
	}
	// What else the campaign says goes on being declared, and so do credits.
	w.friends(own, "bob")
	await(w, campaign, "granted", func(c *v1alpha1.ReferralCampaign) bool { return c.Status.Pairs.Granted == 1 })
	w.patch("rcamp", "invite-friends", `{"suspend":true}`)
	suspended := w.awaitReason(campaign, metav1.ConditionTrue, v1alpha1.SuspendedReason)
	if !strings.Contains(suspended.Message, "until spec.suspend is false; not in force: spec.budget.") {
		t.Errorf("message: %s", suspended.Message)
	}
	check("suspended", "1000 USD Suspended")
	w.patch("rcamp", "invite-friends", `{"suspend":false,"budget":{"amount":"20.00","currency":"USD"}}`)
	w.awaitReady(campaign)
	check("put right", "2000 USD Open")
}

// While the policy is invalid, the terms declared last stay in force: the budget is one for these.
func TestBudgetThatTheTermsInForceNeverEarnIsNotDeclared(t *testing.T) {
	t.Parallel()
	w, own := newShop(t)
	campaign := w.rcamp("invite-friends")
	w.patch("rcamp", "invite-friends", `{"budget":{"amount":"10.00","currency":"USD"}}`)
	w.awaitReady(campaign)
	w.apply(yenYAML)
	w.awaitReason(campaign, metav1.ConditionFalse, v1alpha1.PolicyInvalidReason)
	w.patch("rcamp", "invite-friends", `{"budget":{"amount":"20.00","currency":"EUR"}}`)
	invalid := w.awaitReason(campaign, metav1.ConditionFalse, v1alpha1.InvalidSpecReason)
	for _, says := range []string{"spec.budget.currency: EUR is a currency that the rewards of revision 1", "spec.rewards[inviter].fixed.amount"} {
		if !strings.Contains(invalid.Message, says) {
			t.Errorf("the message does not say %q: %s", says, invalid.Message)
		}
	}
	if !meta.IsStatusConditionTrue(campaign.Status.Conditions, v1alpha1.StalledCondition) {
		t.Errorf("conditions: %v", campaign.Status.Conditions)
	}
	if got := value[string](w, own, "SELECT budget_amount || ' ' || budget_currency FROM referral.campaign"); got != "1000 USD" {
		t.Errorf("the budget in force is %s", got)
	}
	w.patch("rcamp", "invite-friends", `{"budget":{"amount":"20.00","currency":"USD"}}`)
	w.awaitReason(campaign, metav1.ConditionFalse, v1alpha1.PolicyInvalidReason)
	w.apply(fiveDollarsYAML)
	w.awaitReady(campaign)
	if got := value[string](w, own, "SELECT budget_amount || ' ' || budget_currency FROM referral.campaign"); got != "2000 USD" {
		t.Errorf("put right, the budget in force is %s", got)
	}
}

func TestTermsInAnotherCurrencyThanTheBudgetAreNotDeclared(t *testing.T) {
	t.Parallel()
	w, own := newShop(t)
	campaign := w.rcamp("invite-friends")
	w.patch("rcamp", "invite-friends", `{"budget":{"amount":"10.00","currency":"USD"}}`)
	w.awaitReady(campaign)
	w.apply(strings.Replace(fiveDollarsYAML, "currency: USD", "currency: EUR", 1))
	w.awaitReason(campaign, metav1.ConditionFalse, v1alpha1.InvalidSpecReason)
	behind := w.awaitReason(w.rpol("five-dollars"), metav1.ConditionFalse, v1alpha1.RollingOutReason)
	if !strings.Contains(behind.Message, "invite-friends") {
		t.Errorf("message: %s", behind.Message)
	}
	w.friends(own, "bob")
	await(w, campaign, "granted under the old terms", func(c *v1alpha1.ReferralCampaign) bool {
		return c.Status.Credit == "5.00 USD" && c.Status.Policy.Revision == 1
	})
	w.patch("rcamp", "invite-friends", `{"budget":{"currency":"EUR"}}`)
	w.awaitReady(campaign)
	w.awaitReady(w.rpol("five-dollars"))
}

// Limits are part of no digest. A campaign whose spec cannot come into force keeps the limits
// declared last as well.
func TestPolicyIsNotReadyWhileItsLimitsAreNotInForce(t *testing.T) {
	t.Parallel()
	w, own := newShop(t)
	policy, campaign := w.rpol("five-dollars"), w.rcamp("invite-friends")
	w.patch("rcamp", "invite-friends", `{"budget":{"amount":"10.00","currency":"USD"}}`)
	w.patch("rpol", "five-dollars", `{"limits":{"pairsPerReferrer":50}}`)
	const inForce = "SELECT coalesce(pairs_per_referrer, 0)::int FROM referral.campaign"
	w.eventually("capped", func() bool { return value[int](w, own, inForce) == 50 })
	w.awaitReady(campaign)
	w.awaitReady(policy)

	w.patch("rcamp", "invite-friends", `{"budget":{"currency":"EUR"}}`)
	w.awaitReason(campaign, metav1.ConditionFalse, v1alpha1.InvalidSpecReason)
	w.patch("rpol", "five-dollars", `{"limits":{"pairsPerReferrer":5}}`)
	await(w, policy, "reported on", func(p *v1alpha1.RewardPolicy) bool {
		return p.Status.ObservedGeneration == p.Generation && p.Status.Conditions[0].ObservedGeneration == p.Generation
	})
	w.awaitQuiet(policy, campaign)
	if got := value[int](w, own, inForce); got != 50 {
		t.Fatalf("the cap in force is %d", got)
	}
	if behind := w.awaitReason(policy, metav1.ConditionFalse, v1alpha1.RollingOutReason); !strings.Contains(behind.Message, "invite-friends") {
		t.Errorf("message: %s", behind.Message)
	}

	w.patch("rcamp", "invite-friends", `{"budget":{"currency":"USD"}}`)
	w.awaitReady(policy)
	if got := value[int](w, own, inForce); got != 5 {
		t.Errorf("the policy is Ready, and the cap in force is %d", got)
	}
}

// The terms stay in force that another object of the name has declared.
func TestInvalidCampaignReportsTheTermsInForce(t *testing.T) {
	t.Parallel()
	w, _ := newShop(t)
	campaign := w.rcamp("invite-friends")
	w.apply(strings.Replace(fiveDollarsYAML, `"5.00"`, `"7.00"`, 1))
	await(w, campaign, "under the new terms", func(c *v1alpha1.ReferralCampaign) bool { return c.Status.Policy.Revision == 2 })
	w.awaitReady(campaign)
	want := *campaign.Status.Policy
	w.kubectl("", "delete", "rcamp/invite-friends")
	w.apply(strings.Replace(inviteFriendsYAML, "spec:", "spec:\n  budget: {amount: \"10.00\", currency: EUR}", 1))
	again := w.rcamp("invite-friends")
	w.awaitReason(again, metav1.ConditionFalse, v1alpha1.InvalidSpecReason)
	if diff := cmp.Diff(&want, again.Status.Policy); diff != "" {
		t.Errorf("policy: %s", diff)
	}
}
