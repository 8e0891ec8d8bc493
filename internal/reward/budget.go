package reward

import (
	"math"
	"math/big"
)

// BudgetRemaining is what a budget leaves beside the credit granted and held in its currency, in
// minor units. It is below zero while the budget was lowered to less than what it has to cover.
func BudgetRemaining(budget *Money, granted, held *big.Int) *big.Int {
	remaining := big.NewInt(budget.Amount)
	remaining.Sub(remaining, granted)
	return remaining.Sub(remaining, held)
}

// BudgetExhausted reports whether a budget of which remaining is left admits no further pair:
// either it is less than the least that a pair earns, or pairs wait and the policy has no limits.
func (t *Terms) BudgetExhausted(remaining *big.Int, waiting int64) bool {
	budgetAloneLimits := t.Limits == Limits{}
	return t.TooLittleForAPair(remaining) || waiting > 0 && budgetAloneLimits
}

// TooLittleForAPair reports whether what remains of a budget is less than the least that a pair
// earns under these terms.
func (t *Terms) TooLittleForAPair(remaining *big.Int) bool {
	return remaining.Cmp(t.leastPerPair()) < 0
}

// leastPerPair is the least that a pair earns under these terms, in minor units: its fixed rewards
// at their lowest tiers, and one unit where all depends on the purchase. The terms' rewards are in
// one currency.
func (t *Terms) leastPerPair() *big.Int {
	least := new(big.Int)
	for i := range t.Rewards {
		least.Add(least, big.NewInt(t.Rewards[i].leastFixed()))
	}
	if least.Sign() == 0 {
		return big.NewInt(1)
	}
	return least
}

// leastFixed is the lowest fixed amount of the reward over its tiers; zero for a percentage.
func (r *Reward) leastFixed() int64 {
	switch {
	case r.Fixed != nil:
		return r.Fixed.Amount
	case len(r.Tiers) > 0:
		least := r.Tiers[0].Fixed.Amount
		for _, tier := range r.Tiers {
			least = min(least, tier.Fixed.Amount)
		}
		return least
	default:
		return 0
	}
}

// mostPerPair is the most that a pair of any revision may take of the campaign's budget, in minor
// units; math.MaxInt64: it has no bound but the purchase.
func (c *Campaign) mostPerPair() int64 {
	var most int64
	for i := range c.Revisions {
		var sum int64
		for _, r := range c.Revisions[i].Terms.Rewards {
			if sum += min(r.most(c.Budget.Currency), math.MaxInt64-sum); sum == math.MaxInt64 {
				return sum
			}
		}
		most = max(most, sum)
	}
	return most
}

// most is the most that the reward may earn in a currency; math.MaxInt64: it has no bound.
func (r *Reward) most(currency string) int64 {
	switch {
	case r.Fixed != nil && r.Fixed.Currency == currency:
		return r.Fixed.Amount
	case r.Percentage != nil:
		if maximum, bounded := r.Percentage.MaximumAmounts[currency]; bounded {
			return maximum
		}
		return math.MaxInt64
	}
	var most int64
	for _, tier := range r.Tiers {
		if tier.Fixed.Currency == currency {
			most = max(most, tier.Fixed.Amount)
		}
	}
	return most
}

// FixedCurrencies returns the currencies of the fixed and tiered rewards, in the order of the
// rewards. A percentage is in the currency of its purchase.
func (t *Terms) FixedCurrencies() []string {
	var currencies []string
	for i := range t.Rewards {
		switch r := &t.Rewards[i]; {
		case r.Fixed != nil:
			currencies = append(currencies, r.Fixed.Currency)
		case len(r.Tiers) > 0:
			currencies = append(currencies, r.Tiers[0].Fixed.Currency)
		}
	}
	return currencies
}
