package reward

import (
	"math"
	"math/big"
	"testing"
)

func TestCreditsFollowTheRewards(t *testing.T) {
	percent := func(rate string, maximum map[string]int64) func(*story) {
		return func(s *story) {
			friend := toBen(rate)
			friend.Percentage.MaximumAmounts = maximum
			s.terms().Rewards = []Reward{friend}
		}
	}
	both := func(edits ...func(*story)) func(*story) {
		return func(s *story) {
			for _, edit := range edits {
				edit(s)
			}
		}
	}
	rule(t, []ruleCase{
		{"each reward to its beneficiary", func(s *story) { s.terms().Rewards = append(s.terms().Rewards, toBen("10")) },
			says(granted + ", friend ben 4.00 USD")},
		{"a fixed amount in its own currency", func(s *story) { s.p1().Currency = "EUR" }, says(granted)},
		{"a percentage in the purchase's currency", both(percent("10", nil), func(s *story) { s.p1().Currency = "JPY" }),
			says("p1 Granted Qualified: friend ben 400 JPY")},
		{"a percentage of the net amount", both(percent("10", nil), func(s *story) { s.p1().Refunded = 1000 }),
			says("p1 Granted Qualified: friend ben 3.00 USD")},
		{"no more than the maximum of the currency", percent("50", map[string]int64{"USD": 1500, "EUR": 1}),
			says("p1 Granted Qualified: friend ben 15.00 USD")},
		{"less than the maximum as it is", percent("10", map[string]int64{"USD": 1500}),
			says("p1 Granted Qualified: friend ben 4.00 USD")},
		{"half a cent is rounded up", both(percent("12.5", nil), func(s *story) { s.p1().Amount = 4 }),
			says("p1 Granted Qualified: friend ben 0.01 USD")},
		{"what rounds to nothing is no credit, though the pair is granted", both(percent("12.4", nil), func(s *story) { s.p1().Amount = 4 }),
			says("p1 Granted Qualified")},
		{"amounts at the limit do not overflow", both(percent("100", nil), func(s *story) { s.p1().Amount = math.MaxInt64 }),
			says("p1 Granted Qualified: friend ben 92233720368547758.07 USD")},
	})
}

func TestShareIsExactAndRoundsHalfUp(t *testing.T) {
	for _, rate := range []string{"0.0001", "0.5", "1", "2.5", "10", "12.5", "33.3333", "50", "99.9999", "100"} {
		for _, net := range []int64{1, 2, 3, 4, 7, 50, 199, 4000, 1<<53 + 1, math.MaxInt64/2 + 1, math.MaxInt64 - 1, math.MaxInt64} {
			got, err := percentageOf(net, rate)
			if err != nil {
				t.Fatalf("percentageOf(%d, %s): %v", net, rate, err)
			}
			if want := shareByFractions(net, rate); got != want {
				t.Errorf("percentageOf(%d, %s) = %d, want %d", net, rate, got, want)
			}
		}
	}
}

// shareByFractions is floor(net × rate / 100 + 1/2), by another road.
func shareByFractions(net int64, rate string) int64 {
	r, _ := new(big.Rat).SetString(rate)
	r.Mul(r, big.NewRat(net, 100))
	r.Add(r, big.NewRat(1, 2))
	return new(big.Int).Quo(r.Num(), r.Denom()).Int64()
}

func TestParseRateAcceptsUpToFourDecimals(t *testing.T) {
	for rate, want := range map[string]string{
		"10": "10", "10.00": "10", "2.50": "2.5", "0.0001": "0.0001", "100": "100", "100.0": "100", "007": "7",
	} {
		if got, err := ParseRate(rate); err != nil || got != want {
			t.Errorf("ParseRate(%q) = %q, %v; want %q", rate, got, err, want)
		}
	}
	for _, rate := range []string{"", "0", "0.0", "-1", "+1", "100.0001", "101", "1e1", "1,5", ".5", "5.", "1.00001", "NaN", "Infinity", "1_0", " 1", "٣"} {
		if got, err := ParseRate(rate); err == nil {
			t.Errorf("ParseRate(%q) = %q, want an error", rate, got)
		}
	}
}
