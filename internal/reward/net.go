package reward

// The checks of this file are about what a purchase comes to: its net amount,
// which is what is left of it after all refunds together.

// refunded wants something left of the amount. A purchase of 0 had nothing to
// refund: it is belowMinimum.
func refunded(c *candidate) Reason {
	if c.net <= 0 && c.purchase.Amount > 0 {
		return Refunded
	}
	return ""
}

// currencyMismatch wants the currency in each list of the terms that lists any:
// a minimum in dollars says nothing about euros.
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

// offBudget wants every reward in the currency of the campaign's budget, if it
// has one.
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

// currency is what the reward of a purchase is in.
func (r *Reward) currency(purchase *Purchase) string {
	switch {
	case r.Fixed != nil:
		return r.Fixed.Currency
	case len(r.Tiers) > 0:
		return r.Tiers[0].Fixed.Currency
	}
	return purchase.Currency
}

// belowMinimum wants an amount above zero, and the net amount to reach the
// minimum of its currency.
func belowMinimum(c *candidate) Reason {
	if c.purchase.Amount == 0 || c.net < c.revision.Terms.MinimumAmounts[c.purchase.Currency] {
		return BelowMinimum
	}
	return ""
}

func listed(amounts map[string]int64, currency string) bool {
	if len(amounts) == 0 {
		return true
	}
	_, found := amounts[currency]
	return found
}
