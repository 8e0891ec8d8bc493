package reward

// A check is one condition of a purchase that counts: the reason why it does
// not, or nothing. Checks are independent of each other and look at nothing but
// the candidate, so that a list of them reads like the rule it stands for.
type check func(*candidate) Reason

// counting decides about a purchase that was never admitted. The order is that
// of the closed list of reasons.
var counting = []check{
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

// lasting are the checks that an admitted pair is held to as long as it lives:
// its own signup, purchase, refunds and override, and nothing else.
var lasting = []check{
	outsidePurchaseWindow,
	refunded,
	currencyMismatch,
	belowMinimum,
	conditionFalse,
	selfReferral,
	allowWithdrawn,
}

// entering are those that a Reversed pair has to pass on top of the lasting
// ones before it is admitted again, and a pair that leavesBudget. They come second, so that a refunded pair
// goes on saying Refunded whatever becomes of campaigns and other people's
// facts meanwhile.
var entering = []check{
	outsideCampaign,
	outsideAttributionWindow,
	offBudget,
	sharedFingerprint,
}

// judge finds the reason why a candidate does not count by itself: without
// regard to other purchases of the referee, and to a Deny.
func (c *candidate) judge(unbound Reason) {
	if c.reason = c.nothingToJudge(unbound); c.reason != "" {
		return
	}
	first, then := c.heldTo()
	if c.reason = c.run(first); c.reason == "" {
		c.reason = c.run(then)
	}
}

// nothingToJudge is the reason why no check could look at a candidate; empty:
// they can.
func (c *candidate) nothingToJudge(unbound Reason) Reason {
	switch {
	case c.lapsed && c.hadNothing():
		return c.pair.Reason
	case c.takenBack() && (c.removed() || c.attribution == nil):
		return CampaignDeleted
	case c.removed():
		return PurchaseRemoved
	case c.attribution == nil:
		return unbound
	}
	return ""
}

// heldTo are the checks that a candidate has to pass, and those that come second.
func (c *candidate) heldTo() (first, then []check) {
	switch {
	case c.keepsPlace() && !c.leavesBudget():
		return lasting, nil
	case c.admitted():
		return lasting, entering
	}
	return counting, nil
}

// run is the reason of the first check that fails; empty: all pass.
func (c *candidate) run(checks []check) Reason {
	for _, check := range checks {
		if reason := check(c); reason != "" {
			return reason
		}
	}
	return ""
}
