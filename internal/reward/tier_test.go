package reward

import "testing"

func TestTierOfTheNthPair(t *testing.T) {
	tiers := []Tier{{FromPair: 1}, {FromPair: 3}, {FromPair: 10}}
	for n, want := range map[int64]int{1: 0, 2: 0, 3: 1, 9: 1, 10: 2, 1000: 2} {
		if got := tierOf(tiers, n); got != want {
			t.Errorf("pair %d is in tier %d, want %d", n, got, want)
		}
	}
}

func TestRepricedWhenTiersDiffer(t *testing.T) {
	campaign := openCampaign("invite", Terms{Rewards: []Reward{{Tiers: []Tier{{FromPair: 1}, {FromPair: 3}}}}})
	for _, c := range []struct {
		rule          string
		before, after int64
		want          bool
	}{
		{"the next is still in the first tier", 0, 1, false},
		{"the next is in another tier", 1, 2, true},
		{"and back", 2, 1, true},
		{"both beyond the last", 5, 9, false},
	} {
		if got := campaign.repriced(c.before+1, c.after+1); got != c.want {
			t.Errorf("%s: %t", c.rule, got)
		}
	}
}
