package model

import (
	"math/big"
	"reflect"
)

// terms are what a policy says.
type terms struct {
	Every     bool             // false: First
	Minimums  map[string]int64 // by currency
	Within    int              // hours after signup; zero: any time
	Before    int              // hours before signup by code; zero: none
	Condition string           // one of conditions; empty: none
	Hold      int              // hours
	Rewards   []rewardTerms    // by name
	Cap       int64            // pairs per referrer; zero: no limit
}

// rewardTerms are one reward: Amount and Currency, or Rate, or Tiers.
type rewardTerms struct {
	Name     string
	Referee  bool // the beneficiary is the referee; false: the referrer
	Amount   int64
	Currency string
	Rate     string           // per cent
	Maximums map[string]int64 // by currency
	Tiers    []tierTerms      // of Currency
}

type tierTerms struct{ From, Amount int64 }

// follows reports whether the terms are those of a revision. A missing field and its default are
// the same, and limits are no part of a revision.
func (t terms) follows(r revision) bool {
	was := r.terms
	if defaulted(was.Before) && defaulted(t.Before) {
		was.Before = t.Before
	}
	was.Cap = t.Cap
	return reflect.DeepEqual(was, t)
}

func defaulted(before int) bool { return before == 0 || before == 1 }

// earns returns the credits of a purchase of that net amount as its referrer's n-th pair. A reward
// that rounds to 0 is left out.
func (t *terms) earns(referee, referrer string, net money, n int64) map[string]credit {
	credits := map[string]credit{}
	for _, r := range t.Rewards {
		c := credit{beneficiary: referrer, money: money{r.Amount, r.Currency}}
		if r.Referee {
			c.beneficiary = referee
		}
		// Rule 12: percentages of the net at the pair's rate.
		if r.Rate != "" {
			c.money = money{percentage(net.amount, r.Rate), net.currency}
			if maximum, limited := r.Maximums[net.currency]; limited {
				c.amount = min(c.amount, maximum)
			}
		}
		// Rule 12: the tier of the n-th pair.
		for _, tier := range r.Tiers {
			if n >= tier.From {
				c.amount = tier.Amount
			}
		}
		if c.amount > 0 {
			credits[r.Name] = c
		}
	}
	return credits
}

// percentage is rounded half-up to the minor unit: floor(net × rate / 100 + ½).
func percentage(net int64, rate string) int64 {
	share, ok := new(big.Rat).SetString(rate)
	if !ok {
		panic("no rate: " + rate)
	}
	share.Mul(share, new(big.Rat).SetFrac64(net, 100))
	share.Add(share, big.NewRat(1, 2))
	return new(big.Int).Div(share.Num(), share.Denom()).Int64()
}

// sum returns the sum of the credits in a currency.
func sum(credits map[string]credit, currency string) (total int64) {
	for _, c := range credits {
		if c.currency == currency {
			total += c.amount
		}
	}
	return total
}
