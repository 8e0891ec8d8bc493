package reward

import "slices"

// The checks of this file are about the net amount of a purchase, which is its amount less all
// refunds, and about currencies.

// refunded requires a net amount above zero. A purchase of 0 is not refunded but belowMinimum.
func refunded(c *candidate) Reason {
	if c.net <= 0 && c.purchase.Amount > 0 {
		return Refunded
	}
	return ""
}

// currencyMismatch requires each list of amounts in the terms to have the purchase's currency,
// unless the list is empty: a minimum in dollars says nothing about euros.
func currencyMismatch(c *candidate) Reason {
	terms, currency := &c.revision.Terms, c.purchase.Currency
	if !listed(terms.MinimumAmounts, currency) {
		return CurrencyMismatch
	}
	for i := range terms.Rewards {
		if p := terms.Rewards[i].Percentage; p != nil && !listed(p.MaximumAmounts, currency) {
			return CurrencyMismatch
		}
	}
	return ""
}

// offBudget requires every reward to be in the currency of the campaign's budget, if it has one.
func offBudget(c *candidate) Reason {
	budget := c.campaign.Budget
	if budget == nil {
		return ""
	}
	rewards := c.revision.Terms.Rewards
	for i := range rewards {
		if rewards[i].currency(c.purchase) != budget.Currency {
			return CurrencyMismatch
		}
	}
	return ""
}

// leavesBudget reports whether a reward of an admitted pair comes to be in another currency than the
// budget's, so that offBudget applies to the pair: by a revision that newly reaches it, or by a
// corrected purchase. An edit of the budget alone takes nothing back: a reward that was in that
// currency before stays.
func (c *candidate) leavesBudget() bool {
	budget := c.campaign.Budget
	if budget == nil {
		return false
	}
	before := c.campaign.Revisions[c.campaign.index(c.pair.Revision)].Terms.Rewards
	return slices.ContainsFunc(c.revision.Terms.Rewards, func(r Reward) bool {
		currency := r.currency(c.purchase)
		return currency != budget.Currency && (c.recordedInAnother(r.Name, currency) ||
			!slices.ContainsFunc(before, func(was Reward) bool { return was.Name == r.Name && was.currency(c.purchase) == currency }))
	})
}

// recordedInAnother reports whether the recorded credit of a reward is in another currency.
func (c *candidate) recordedInAnother(reward, currency string) bool {
	return slices.ContainsFunc(c.pair.Credits, func(credit Credit) bool { return credit.Reward == reward && credit.Currency != currency })
}

// currency returns the currency of the reward for a purchase.
func (r *Reward) currency(purchase *Purchase) string {
	switch {
	case r.Fixed != nil:
		return r.Fixed.Currency
	case len(r.Tiers) > 0:
		return r.Tiers[0].Fixed.Currency
	}
	return purchase.Currency
}

// belowMinimum requires an amount above zero, and a net amount that reaches the minimum of its
// currency.
func belowMinimum(c *candidate) Reason {
	if c.purchase.Amount == 0 || c.net < c.revision.Terms.MinimumAmounts[c.purchase.Currency] {
		return BelowMinimum
	}
	return ""
}

// listed reports whether the amounts have the currency or are empty.
func listed(amounts map[string]int64, currency string) bool {
	if len(amounts) == 0 {
		return true
	}
	_, found := amounts[currency]
	return found
}
