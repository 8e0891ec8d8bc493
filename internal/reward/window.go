package reward

import "time"

// outsidePurchaseWindow requires the purchase to be not before the touch (or, for a typed code, not
// earlier than beforeSignup before the signup), and no later than withinSignup after the signup.
// Bounds are included. A purchase before the signup is a guest's order, or its checkout made the
// account.
func outsidePurchaseWindow(c *candidate) Reason {
	purchasedAt, signedUpAt := c.purchase.PurchasedAt, c.referee.Signup.SignedUpAt
	if purchasedAt.Before(c.attribution.countsFrom(signedUpAt, c.revision.Terms.BeforeSignup)) {
		return OutsideWindow
	}
	if within := c.revision.Terms.WithinSignup; within > 0 && purchasedAt.After(signedUpAt.Add(within)) {
		return OutsideWindow
	}
	return ""
}

// countsFrom returns the time from which purchases count.
func (a *Attribution) countsFrom(signedUpAt time.Time, beforeSignup time.Duration) time.Time {
	if a.Source == FromCode {
		return signedUpAt.Add(-beforeSignup)
	}
	return a.TouchedAt
}
