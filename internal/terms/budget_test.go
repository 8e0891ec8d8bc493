package terms_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
	"github.com/referral-operator/referral-operator/internal/reward"
	"github.com/referral-operator/referral-operator/internal/terms"
)

func TestBudget(t *testing.T) {
	cases := []struct {
		rule   string
		budget *v1alpha1.Money
		want   *reward.Money
		err    string
	}{
		{rule: "none is none"},
		{
			rule:   "it becomes minor units of its currency",
			budget: &v1alpha1.Money{Amount: "10000.00", Currency: "USD"}, want: &reward.Money{Amount: 1_000_000, Currency: "USD"},
		},
		{
			rule: "more decimals than the currency has", budget: &v1alpha1.Money{Amount: "100.00", Currency: "JPY"},
			err: `spec.budget.amount: amount "100.00" has more decimals than JPY, which has none`,
		},
		{
			rule: "an unknown currency", budget: &v1alpha1.Money{Amount: "100.00", Currency: "UDS"},
			err: `spec.budget.currency: currency "UDS" is not known: must be an ISO 4217 code such as USD`,
		},
	}
	for _, tc := range cases {
		t.Run(tc.rule, func(t *testing.T) {
			got, err := terms.Budget(&v1alpha1.ReferralCampaignSpec{Budget: tc.budget})
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
			checkError(t, err, tc.err)
		})
	}
}

func TestCheckBudget(t *testing.T) {
	const (
		fixed   = `{name: inviter, beneficiary: Referrer, fixed: {amount: "5", currency: USD}}`
		tiered  = `{name: regular, beneficiary: Referrer, tiers: [{fromPair: 1, fixed: {amount: "5", currency: EUR}}]}`
		share   = `{name: friend, beneficiary: Referee, percentage: {rate: "10"}}`
		bounded = `{name: friend, beneficiary: Referee, percentage: {rate: "10", maximumAmounts: [{amount: "5", currency: USD}, {amount: "5", currency: EUR}]}}`
		inEUR   = `qualification: {minimumAmounts: [{amount: "20", currency: EUR}]}, `

		never = `, so no pair could ever count: set the budget in the currency of all rewards, or follow another policy`
	)
	cases := []struct {
		rule, policy, currency string
		err                    string
	}{
		{"a fixed reward in the budget's currency", `{rewards: [` + fixed + `]}`, "USD", ""},
		{
			"a fixed reward in another", `{rewards: [` + fixed + `]}`, "EUR",
			`spec.budget.currency: reward "inviter" of RewardPolicy p is never paid in EUR (spec.rewards[inviter].fixed.currency: USD)` + never,
		},
		{"tiers in the budget's currency", `{rewards: [` + tiered + `]}`, "EUR", ""},
		{
			"tiers in another", `{rewards: [` + tiered + `]}`, "USD",
			`spec.budget.currency: reward "regular" of RewardPolicy p is never paid in USD (spec.rewards[regular].tiers: EUR)` + never,
		},
		{
			"one reward in it is not enough", `{rewards: [` + fixed + `, ` + tiered + `]}`, "USD",
			`spec.budget.currency: reward "regular" of RewardPolicy p is never paid in USD (spec.rewards[regular].tiers: EUR)` + never,
		},
		{"a percentage in any currency", `{rewards: [` + share + `]}`, "CHF", ""},
		{"a percentage whose maximums list it", `{rewards: [` + bounded + `]}`, "EUR", ""},
		{
			"a percentage whose maximums do not", `{rewards: [` + bounded + `]}`, "CHF",
			`spec.budget.currency: reward "friend" of RewardPolicy p is never paid in CHF (spec.rewards[friend].percentage.maximumAmounts: EUR, USD)` + never,
		},
		{"a percentage of purchases that count in it", `{` + inEUR + `rewards: [` + bounded + `]}`, "EUR", ""},
		{
			"a percentage of purchases that never count in it", `{` + inEUR + `rewards: [` + bounded + `]}`, "USD",
			`spec.budget.currency: reward "friend" of RewardPolicy p is never paid in USD (spec.qualification.minimumAmounts: EUR)` + never,
		},
		{"a fixed reward for purchases in another currency", `{` + inEUR + `rewards: [` + fixed + `]}`, "USD", ""},
	}
	for _, tc := range cases {
		t.Run(tc.rule, func(t *testing.T) {
			from, err := terms.FromPolicy(parse(t, tc.policy))
			if err != nil {
				t.Fatal(err)
			}
			checkError(t, terms.CheckBudget(&reward.Money{Amount: 100, Currency: tc.currency}, "p", &from), tc.err)
			checkError(t, terms.CheckBudget(nil, "p", &from), "")
		})
	}
}

func checkError(t *testing.T, err error, want string) {
	t.Helper()
	got := ""
	if err != nil {
		got = err.Error()
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("error (-want +got):\n%s", diff)
	}
}
