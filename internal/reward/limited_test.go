package reward

import (
	"math"
	"testing"
)

func TestMostPerPairIsThatOfTheDearestRevision(t *testing.T) {
	usd := func(amount int64) Money { return Money{Amount: amount, Currency: "USD"} }
	five, eur := usd(500), Money{Amount: 900, Currency: "EUR"}
	fixed, foreign := Reward{Fixed: &five}, Reward{Fixed: &eur}
	tiers := Reward{Tiers: []Tier{{FromPair: 1, Fixed: usd(200)}, {FromPair: 3, Fixed: usd(700)}, {FromPair: 9, Fixed: usd(100)}}}
	bounded := Reward{Percentage: &Percentage{Rate: "10", MaximumAmounts: map[string]int64{"USD": 1500, "EUR": 9000}}}
	unbounded := Reward{Percentage: &Percentage{Rate: "10", MaximumAmounts: map[string]int64{"EUR": 9000}}}
	largest := Money{Amount: math.MaxInt64, Currency: "USD"}
	for name, test := range map[string]struct {
		revisions [][]Reward
		want      int64
	}{
		"a fixed reward":                       {[][]Reward{{fixed}}, 500},
		"all rewards of a pair":                {[][]Reward{{fixed, tiers}}, 1200},
		"the dearest tier":                     {[][]Reward{{tiers}}, 700},
		"a percentage up to its maximum":       {[][]Reward{{bounded}}, 1500},
		"a percentage without one":             {[][]Reward{{unbounded, fixed}}, math.MaxInt64},
		"another currency takes no budget":     {[][]Reward{{foreign}}, 0},
		"an older revision":                    {[][]Reward{{fixed, fixed}, {fixed}}, 1000},
		"a sum beyond the largest amount":      {[][]Reward{{fixed, {Fixed: &largest}}}, math.MaxInt64},
		"a revision without any reward at all": {[][]Reward{{}}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			campaign := Campaign{Budget: &Money{Amount: 1, Currency: "USD"}}
			for _, rewards := range test.revisions {
				campaign.Revisions = append(campaign.Revisions, Revision{Terms: Terms{Rewards: rewards}})
			}
			if got := campaign.mostPerPair(); got != test.want {
				t.Errorf("%d, want %d", got, test.want)
			}
		})
	}
}
