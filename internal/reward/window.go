package reward

import "time"

// outsidePurchaseWindow wants the purchase not before the touch (or the signup
// whose code was typed), and no later than withinSignup after signup. Bounds
// are included. Between touch and signup it may lie: a guest's order.
func outsidePurchaseWindow(c *candidate) Reason {
	purchasedAt, signedUpAt := c.purchase.PurchasedAt, c.referee.Signup.SignedUpAt
	if purchasedAt.Before(c.attribution.countsFrom(signedUpAt)) {
		return OutsideWindow
	}
	if within := c.revision.Terms.WithinSignup; within > 0 && purchasedAt.After(signedUpAt.Add(within)) {
		return OutsideWindow
	}
	return ""
}

// countsFrom is the time from which purchases count.
func (a *Attribution) countsFrom(signedUpAt time.Time) time.Time {
	if a.Source == FromCode {
		return signedUpAt
	}
	return a.TouchedAt
}
