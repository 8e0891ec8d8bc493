package reward

// The checks of this file are about what a purchase comes to: its net amount,
// which is what is left of it after all refunds together.

// refunded wants something left.
func refunded(c *candidate) Reason {
	if c.net <= 0 {
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

// belowMinimum wants the net amount to reach the minimum of its currency.
func belowMinimum(c *candidate) Reason {
	if c.net < c.revision.Terms.MinimumAmounts[c.purchase.Currency] {
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
