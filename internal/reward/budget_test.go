package reward_test

import (
	"math/big"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/referral-operator/referral-operator/internal/reward"
)

func TestBudgetRemainingIsBudgetLessGrantedLessHeld(t *testing.T) {
	for name, test := range map[string]struct{ budget, granted, held, want int64 }{
		"nothing is used":           {budget: 1000, want: 1000},
		"granted and held are used": {budget: 1000, granted: 300, held: 200, want: 500},
		"all is used":               {budget: 1000, granted: 1000},
		"lowered below what is used": {
			budget: 100, granted: 300, held: 200, want: -400,
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := reward.BudgetRemaining(&reward.Money{Amount: test.budget, Currency: "USD"}, big.NewInt(test.granted), big.NewInt(test.held))
			if got.Cmp(big.NewInt(test.want)) != 0 {
				t.Errorf("%s remain, want %d", got, test.want)
			}
		})
	}
}

func TestBudgetIsExhaustedWhenNoPairFits(t *testing.T) {
	usd := func(amount int64) reward.Money { return reward.Money{Amount: amount, Currency: "USD"} }
	fixed := func(amount int64) reward.Reward { m := usd(amount); return reward.Reward{Fixed: &m} }
	percentage := reward.Reward{Percentage: &reward.Percentage{}}
	tiers := reward.Reward{Tiers: []reward.Tier{{FromPair: 1, Fixed: usd(500)}, {FromPair: 5, Fixed: usd(200)}}}
	limited := reward.Limits{PairsPerReferrer: 1}
	for name, test := range map[string]struct {
		rewards            []reward.Reward
		limits             reward.Limits
		remaining, waiting int64
		want               bool
	}{
		"a pair fits":                                     {rewards: []reward.Reward{fixed(500)}, remaining: 500},
		"one unit less than a pair earns":                 {rewards: []reward.Reward{fixed(500)}, remaining: 499, want: true},
		"a pair needs capacity for all its rewards":       {rewards: []reward.Reward{fixed(500), fixed(200)}, remaining: 699, want: true},
		"the lowest tier counts":                          {rewards: []reward.Reward{tiers}, remaining: 200},
		"less than the lowest tier":                       {rewards: []reward.Reward{tiers}, remaining: 199, want: true},
		"a percentage may be one unit":                    {rewards: []reward.Reward{percentage}, remaining: 1},
		"a percentage of nothing":                         {rewards: []reward.Reward{percentage}, want: true},
		"a percentage beside a fixed reward adds nothing": {rewards: []reward.Reward{fixed(500), percentage}, remaining: 500},
		"below zero":                                      {rewards: []reward.Reward{percentage}, remaining: -1, want: true},
		"waiting pairs can only wait for the budget":      {rewards: []reward.Reward{fixed(500)}, remaining: 500, waiting: 1, want: true},
		"waiting pairs may wait for the cap":              {rewards: []reward.Reward{fixed(500)}, limits: limited, remaining: 500, waiting: 1},
		"less than a pair earns, with a cap":              {rewards: []reward.Reward{fixed(500)}, limits: limited, remaining: 499, want: true},
	} {
		t.Run(name, func(t *testing.T) {
			terms := reward.Terms{Rewards: test.rewards, Limits: test.limits}
			if got := terms.BudgetExhausted(big.NewInt(test.remaining), test.waiting); got != test.want {
				t.Errorf("exhausted: %t, want %t", got, test.want)
			}
		})
	}
}

func TestFixedCurrenciesFollowTheRewards(t *testing.T) {
	terms := reward.Terms{Rewards: []reward.Reward{
		{Fixed: &reward.Money{Amount: 500, Currency: "USD"}},
		{Percentage: &reward.Percentage{}},
		{Tiers: []reward.Tier{{FromPair: 1, Fixed: reward.Money{Amount: 700, Currency: "JPY"}}}},
	}}
	if diff := cmp.Diff([]string{"USD", "JPY"}, terms.FixedCurrencies()); diff != "" {
		t.Error(diff)
	}
}
