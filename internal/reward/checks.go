package reward

// check is one rule about a purchase. Checks are independent of each other and read nothing but the
// candidate, so a list of checks reads like the rule that it implements.
type check struct {
	rule     Rule
	fails    func(*candidate) Reason // why the purchase does not count; empty: it passes
	describe func(*candidate) string // the comparison with its numbers, for people; empty: nothing was compared
}

// countingChecks apply to a purchase that was never admitted, in the order of the closed list of
// reasons.
var countingChecks = []check{
	{RuleCampaignPeriod, outsideCampaign, describeCampaignPeriod},
	{RuleAttributionWindow, outsideAttributionWindow, describeAttributionWindow},
	{RulePurchaseWindow, outsidePurchaseWindow, describePurchaseWindow},
	{RuleNotRefunded, refunded, describeNet},
	{RuleCurrency, currencyMismatch, describeCurrency},
	{RuleBudgetCurrency, offBudget, describeBudgetCurrency},
	{RuleMinimumAmount, belowMinimum, describeMinimum},
	{RuleCondition, conditionFalse, describeCondition},
	{RuleSelfReferral, selfReferral, describeSelfReferral},
	{RuleSharedFingerprint, sharedFingerprint, describeFingerprint},
}

// admittedChecks apply to an admitted pair. They read its own signup, purchase, refunds and
// override, and nothing else.
var admittedChecks = []check{
	{RulePurchaseWindow, outsidePurchaseWindow, describePurchaseWindow},
	{RuleNotRefunded, refunded, describeNet},
	{RuleCurrency, currencyMismatch, describeCurrency},
	{RuleMinimumAmount, belowMinimum, describeMinimum},
	{RuleCondition, conditionFalse, describeCondition},
	{RuleSelfReferral, selfReferral, describeSelfReferral},
	{RuleSharedFingerprint, allowWithdrawn, describeFingerprint},
}

// readmissionChecks apply after admittedChecks to a Reversed pair before it is admitted again, and
// to a pair that leavesBudget. They come second, so that the reason of a refunded pair stays
// Refunded whatever happens to campaigns and other people's facts. Of them the one that
// allowWithdrawn stands for comes first, so that the reason of a pair stays when it is Reversed.
var readmissionChecks = []check{
	{RuleSharedFingerprint, sharedFingerprint, describeFingerprint},
	{RuleCampaignPeriod, outsideCampaign, describeCampaignPeriod},
	{RuleAttributionWindow, outsideAttributionWindow, describeAttributionWindow},
	{RuleBudgetCurrency, offBudget, describeBudgetCurrency},
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
		if reason := check.fails(c); reason != "" {
			return reason
		}
	}
	return ""
}
