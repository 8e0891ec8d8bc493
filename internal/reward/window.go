package reward

import "time"

// outsidePurchaseWindow wants the purchase not before the touch (or not earlier
// than beforeSignup before a signup by code), and no later than withinSignup after
// signup. Bounds are included. A purchase before the signup is a guest's order, or
// one whose checkout made the account.
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

// countsFrom is the time from which purchases count.
func (a *Attribution) countsFrom(signedUpAt time.Time, beforeSignup time.Duration) time.Time {
	if a.Source == FromCode {
		return signedUpAt.Add(-beforeSignup)
	}
	return a.TouchedAt
}
