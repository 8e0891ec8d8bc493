package terms_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
	"github.com/referral-operator/referral-operator/internal/reward"
	"github.com/referral-operator/referral-operator/internal/terms"
)

func TestFromPolicy(t *testing.T) {
	cases := []struct {
		rule, spec string
		want       reward.Terms
	}{
		{
			"fixed amounts become minor units of their currency",
			`{qualification: {purchases: First}, rewards: [
				{name: a, beneficiary: Referrer, fixed: {amount: "5.00", currency: USD}},
				{name: b, beneficiary: Referrer, fixed: {amount: "5", currency: USD}},
				{name: c, beneficiary: Referee, fixed: {amount: "500", currency: JPY}},
				{name: d, beneficiary: Referee, fixed: {amount: "0.001", currency: BHD}}]}`,
			reward.Terms{Purchases: reward.FirstPurchase, BeforeSignup: time.Hour, Rewards: []reward.Reward{
				{Name: "a", Beneficiary: reward.ToReferrer, Fixed: &reward.Money{Amount: 500, Currency: "USD"}},
				{Name: "b", Beneficiary: reward.ToReferrer, Fixed: &reward.Money{Amount: 500, Currency: "USD"}},
				{Name: "c", Beneficiary: reward.ToReferee, Fixed: &reward.Money{Amount: 500, Currency: "JPY"}},
				{Name: "d", Beneficiary: reward.ToReferee, Fixed: &reward.Money{Amount: 1, Currency: "BHD"}},
			}},
		},
		{
			"rates lose their superfluous zeros, maximums become minor units",
			`{qualification: {purchases: Every}, rewards: [
				{name: a, beneficiary: Referee, percentage: {rate: "10.00", maximumAmounts: [{amount: "15.00", currency: USD}, {amount: "1500", currency: JPY}]}}]}`,
			reward.Terms{Purchases: reward.EveryPurchase, BeforeSignup: time.Hour, Rewards: []reward.Reward{
				{Name: "a", Beneficiary: reward.ToReferee, Percentage: &reward.Percentage{Rate: "10", MaximumAmounts: map[string]int64{"USD": 1500, "JPY": 1500}}},
			}},
		},
		{
			"an empty list is no list",
			`{qualification: {purchases: First, minimumAmounts: []}, rewards: [{name: a, beneficiary: Referee, percentage: {rate: "10", maximumAmounts: []}}]}`,
			reward.Terms{Purchases: reward.FirstPurchase, BeforeSignup: time.Hour, Rewards: []reward.Reward{
				{Name: "a", Beneficiary: reward.ToReferee, Percentage: &reward.Percentage{Rate: "10"}},
			}},
		},
		{
			"durations and minimums are taken over",
			`{qualification: {purchases: First, withinSignup: 1h30m, beforeSignup: 10m, minimumAmounts: [{amount: "20.00", currency: USD}]}, holdPeriod: 336h,
				rewards: [{name: a, beneficiary: Referrer, fixed: {amount: "5.00", currency: EUR}}]}`,
			reward.Terms{
				Purchases: reward.FirstPurchase, WithinSignup: 90 * time.Minute, BeforeSignup: 10 * time.Minute, HoldPeriod: 336 * time.Hour,
				MinimumAmounts: map[string]int64{"USD": 2000},
				Rewards:        []reward.Reward{{Name: "a", Beneficiary: reward.ToReferrer, Fixed: &reward.Money{Amount: 500, Currency: "EUR"}}},
			},
		},
		{
			"rewards come in the order of their names",
			`{qualification: {purchases: First}, rewards: [
				{name: inviter, beneficiary: Referrer, fixed: {amount: "5.00", currency: USD}},
				{name: friend, beneficiary: Referee, fixed: {amount: "5.00", currency: USD}}]}`,
			reward.Terms{Purchases: reward.FirstPurchase, BeforeSignup: time.Hour, Rewards: []reward.Reward{
				{Name: "friend", Beneficiary: reward.ToReferee, Fixed: &reward.Money{Amount: 500, Currency: "USD"}},
				{Name: "inviter", Beneficiary: reward.ToReferrer, Fixed: &reward.Money{Amount: 500, Currency: "USD"}},
			}},
		},
		{
			"tiers become minor units, limits and conditions are taken over",
			`{qualification: {purchases: First, condition: "purchase.amount > 100"}, limits: {pairsPerReferrer: 50}, revisionScope: AllPairs,
				rewards: [{name: a, beneficiary: Referrer, tiers: [{fromPair: 1, fixed: {amount: "5", currency: USD}}, {fromPair: 10, fixed: {amount: "7.50", currency: USD}}]}]}`,
			reward.Terms{
				Purchases: reward.FirstPurchase, BeforeSignup: time.Hour, Condition: "purchase.amount > 100", Limits: reward.Limits{PairsPerReferrer: 50},
				Rewards: []reward.Reward{{Name: "a", Beneficiary: reward.ToReferrer, Tiers: []reward.Tier{
					{FromPair: 1, Fixed: reward.Money{Amount: 500, Currency: "USD"}},
					{FromPair: 10, Fixed: reward.Money{Amount: 750, Currency: "USD"}},
				}}},
			},
		},
		{
			"limits of nothing are none",
			`{qualification: {purchases: First}, limits: {}, rewards: [{name: a, beneficiary: Referee, percentage: {rate: "10"}}]}`,
			reward.Terms{Purchases: reward.FirstPurchase, BeforeSignup: time.Hour, Rewards: []reward.Reward{
				{Name: "a", Beneficiary: reward.ToReferee, Percentage: &reward.Percentage{Rate: "10"}},
			}},
		},
		{
			"the largest amount of the most divided currency fits",
			`{qualification: {purchases: First}, rewards: [{name: a, beneficiary: Referrer, fixed: {amount: "99999999999999.9999", currency: CLF}}]}`,
			reward.Terms{Purchases: reward.FirstPurchase, BeforeSignup: time.Hour, Rewards: []reward.Reward{
				{Name: "a", Beneficiary: reward.ToReferrer, Fixed: &reward.Money{Amount: 999999999999999999, Currency: "CLF"}},
			}},
		},
	}
	for _, tc := range cases {
		t.Run(tc.rule, func(t *testing.T) {
			got, err := terms.FromPolicy(parse(t, tc.spec))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("terms (-want +got):\n%s", diff)
			}
		})
	}
}

func TestFromPolicyNamesTheInvalidField(t *testing.T) {
	cases := []struct{ rule, spec, want string }{
		{
			"more decimals than the currency has",
			`{rewards: [{name: inviter, beneficiary: Referrer, fixed: {amount: "5.005", currency: USD}}]}`,
			`spec.rewards[inviter].fixed.amount: amount "5.005" has more decimals than USD, which has at most 2`,
		},
		{
			"decimals in a currency without any, even if they are zeros",
			`{qualification: {minimumAmounts: [{amount: "2000.00", currency: JPY}]}, rewards: [{name: inviter, beneficiary: Referrer, fixed: {amount: "5", currency: USD}}]}`,
			`spec.qualification.minimumAmounts[JPY].amount: amount "2000.00" has more decimals than JPY, which has none`,
		},
		{
			"an unknown currency",
			`{rewards: [{name: inviter, beneficiary: Referrer, fixed: {amount: "5.00", currency: UDS}}]}`,
			`spec.rewards[inviter].fixed.currency: currency "UDS" is not known: must be an ISO 4217 code such as USD`,
		},
		{
			"a maximum with too many decimals",
			`{rewards: [{name: friend, beneficiary: Referee, percentage: {rate: "10", maximumAmounts: [{amount: "1.2345", currency: EUR}]}}]}`,
			`spec.rewards[friend].percentage.maximumAmounts[EUR].amount: amount "1.2345" has more decimals than EUR, which has at most 2`,
		},
		{
			"a tier with too many decimals",
			`{rewards: [{name: inviter, beneficiary: Referrer, tiers: [{fromPair: 1, fixed: {amount: "5", currency: JPY}}, {fromPair: 10, fixed: {amount: "5.5", currency: JPY}}]}]}`,
			`spec.rewards[inviter].tiers[10].fixed.amount: amount "5.5" has more decimals than JPY, which has none`,
		},
		{
			"everything that is wrong, at once",
			`{rewards: [
				{name: inviter, beneficiary: Referrer, fixed: {amount: "5.005", currency: USD}},
				{name: friend, beneficiary: Referee, fixed: {amount: "0.5", currency: KRW}}]}`,
			`spec.rewards[inviter].fixed.amount: amount "5.005" has more decimals than USD, which has at most 2; ` +
				`spec.rewards[friend].fixed.amount: amount "0.5" has more decimals than KRW, which has none`,
		},
		{
			"a maximum in none of the currencies with a minimum",
			`{qualification: {minimumAmounts: [{amount: "20", currency: USD}, {amount: "20", currency: EUR}]},
				rewards: [{name: friend, beneficiary: Referee, percentage: {rate: "10", maximumAmounts: [{amount: "15", currency: GBP}]}}]}`,
			`spec.rewards[friend].percentage.maximumAmounts: lists no currency that spec.qualification.minimumAmounts allows (USD, EUR), so no purchase could ever count: add one of them`,
		},
		{
			"two maximums without a common currency",
			`{rewards: [
				{name: a, beneficiary: Referee, percentage: {rate: "10", maximumAmounts: [{amount: "15", currency: GBP}]}},
				{name: b, beneficiary: Referrer, percentage: {rate: "10", maximumAmounts: [{amount: "15", currency: USD}]}}]}`,
			`spec.rewards[b].percentage.maximumAmounts: lists no currency that spec.rewards[a].percentage.maximumAmounts allows (GBP), so no purchase could ever count: add one of them`,
		},
	}
	for _, tc := range cases {
		t.Run(tc.rule, func(t *testing.T) {
			got, err := terms.FromPolicy(parse(t, tc.spec))
			if err == nil {
				t.Fatalf("accepted as %+v", got)
			}
			if diff := cmp.Diff(tc.want, err.Error()); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
		})
	}
}

// The API server refuses the whole status for a condition whose message is too long.
func TestFromPolicyListsTenOfManyErrors(t *testing.T) {
	var maximums []string
	for c := range 25 {
		maximums = append(maximums, fmt.Sprintf(`{amount: "1.00", currency: XQ%c}`, 'A'+c))
	}
	_, err := terms.FromPolicy(parse(t,
		`{rewards: [{name: friend, beneficiary: Referee, percentage: {rate: "10", maximumAmounts: [`+strings.Join(maximums, ", ")+`]}}]}`))
	if err == nil || strings.Count(err.Error(), "is not known") != 10 || !strings.HasSuffix(err.Error(), "; and 15 more") {
		t.Errorf("%v", err)
	}
}

func TestFromPolicyIgnoresSpelling(t *testing.T) {
	one := `{qualification: {purchases: First, withinSignup: 60m, minimumAmounts: [{amount: "20", currency: USD}, {amount: "20", currency: EUR}]}, rewards: [
		{name: a, beneficiary: Referrer, fixed: {amount: "5", currency: USD}}, {name: b, beneficiary: Referee, percentage: {rate: "10"}}]}`
	other := `{qualification: {purchases: First, withinSignup: 1h0m0s, minimumAmounts: [{amount: "20.0", currency: EUR}, {amount: "20.00", currency: USD}]}, limits: {}, revisionScope: AllPairs, rewards: [
		{name: b, beneficiary: Referee, percentage: {rate: "10.0000"}}, {name: a, beneficiary: Referrer, fixed: {amount: "5.00", currency: USD}}]}`
	var digests []string
	for _, spec := range []string{one, other} {
		got, err := terms.FromPolicy(parse(t, spec))
		if err != nil {
			t.Fatal(err)
		}
		digests = append(digests, got.Digest())
	}
	if digests[0] != digests[1] {
		t.Errorf("two spellings of the same terms have digests %s and %s", digests[0], digests[1])
	}
}

func parse(t *testing.T, text string) *v1alpha1.RewardPolicySpec {
	t.Helper()
	spec := &v1alpha1.RewardPolicySpec{}
	if err := yaml.UnmarshalStrict([]byte(text), spec); err != nil {
		t.Fatal(err)
	}
	return spec
}
