package reward

// A check returns the reason why a purchase does not count, or nothing if it passes. Checks are
// independent of each other and read nothing but the candidate, so a list of checks reads like the
// rule that it implements.
type check func(*candidate) Reason

// countingChecks apply to a purchase that was never admitted, in the order of the closed list of
// reasons.
var countingChecks = []check{
	outsideCampaign,
	outsideAttributionWindow,
	outsidePurchaseWindow,
	refunded,
	currencyMismatch,
	offBudget,
	belowMinimum,
	conditionFalse,
	selfReferral,
	sharedFingerprint,
}

// admittedChecks apply to an admitted pair. They read its own signup, purchase, refunds and
// override, and nothing else.
var admittedChecks = []check{
	outsidePurchaseWindow,
	refunded,
	currencyMismatch,
	belowMinimum,
	conditionFalse,
	selfReferral,
	allowWithdrawn,
}

// readmissionChecks apply after admittedChecks to a Reversed pair before it is admitted again, and
// to a pair that leavesBudget. They come second, so that the reason of a refunded pair stays
// Refunded whatever happens to campaigns and other people's facts.
var readmissionChecks = []check{
	outsideCampaign,
	outsideAttributionWindow,
	offBudget,
	sharedFingerprint,
}

// judge finds the reason why a candidate does not count by itself, without regard to other
// purchases of the referee and to a Deny. notAttributed is the reason why the referee has no
// attribution.
func (c *candidate) judge(notAttributed Reason) {
	if c.reason = c.unjudgeable(notAttributed); c.reason != "" {
		return
	}
	first, then := c.checks()
	if c.reason = c.run(first); c.reason == "" {
		c.reason = c.run(then)
	}
}

// unjudgeable returns the reason why no check can be applied to the candidate; empty: checks apply.
func (c *candidate) unjudgeable(notAttributed Reason) Reason {
	switch {
	case c.lapsed && c.hadNothing():
		return c.pair.Reason
	case c.takenBack() && (c.removed() || c.attribution == nil):
		return CampaignDeleted
	case c.removed():
		return PurchaseRemoved
	case c.attribution == nil:
		return notAttributed
	}
	return ""
}

// checks returns the checks that apply to the candidate, and the checks that apply after them.
func (c *candidate) checks() (first, then []check) {
	switch {
	case c.keepsPlace() && !c.leavesBudget():
		return admittedChecks, nil
	case c.admitted():
		return admittedChecks, readmissionChecks
	}
	return countingChecks, nil
}

// run returns the reason of the first check that fails; empty: all pass.
func (c *candidate) run(checks []check) Reason {
	for _, check := range checks {
		if reason := check(c); reason != "" {
			return reason
		}
	}
	return ""
}
