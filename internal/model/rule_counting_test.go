package model

import "slices"

// Rules 3, 4, 8 and 14: whether a purchase counts by itself.

// judge returns the reason why a purchase does not count; empty: it counts. It leaves out other
// purchases of the referee, a Deny, and capacity.
func (m *model) judge(v *verdict) string {
	switch {
	case v.keeps() && !m.leavesBudget(v):
		// Rule 8: sticky. Its own facts at its own revision, and nothing else.
		return m.judgeOwn(v)
	case v.pair.admitted() && !v.lapsed:
		// To be admitted again it has to pass judgeOthers too. The reasons of judgeOwn come first, so
		// that they stay; one of them is a shared fingerprint after an Allow was withdrawn.
		reason := m.judgeOwn(v)
		switch {
		case reason != "":
			return reason
		case v.override != "Allow" && m.sharesFingerprint(v):
			return "SharedFingerprint"
		}
		return m.judgeOthers(v)
	}
	own, others := m.judgeOwn(v), m.judgeOthers(v)
	for _, reason := range []string{"OutsideCampaign", "OutsideWindow", "Refunded", "CurrencyMismatch", "BelowMinimum",
		"ConditionFalse", "SelfReferral", "SharedFingerprint"} {
		if own == reason || others == reason {
			return reason
		}
	}
	return ""
}

// judgeOwn judges the signup, purchase, refunds and override at the revision.
func (m *model) judgeOwn(v *verdict) string {
	t := v.terms
	if v.conditionFails() {
		m.failed[v.campaign] = true
	}
	from := v.attribution.touched
	if v.attribution.source == "Code" {
		from = v.signup.at - at(t.Before)*hour
	}
	switch {
	case v.purchase.at < from:
		return "OutsideWindow"
	case t.Within > 0 && v.purchase.at > v.signup.at+at(t.Within)*hour:
		return "OutsideWindow"
	case v.net.amount <= 0 && v.purchase.amount > 0:
		return "Refunded"
	case !t.lists(v.net.currency):
		return "CurrencyMismatch"
	case v.purchase.amount == 0 || v.net.amount < t.Minimums[v.net.currency]:
		return "BelowMinimum"
	case t.Condition != "" && !v.holds():
		return "ConditionFalse"
	case v.attribution.referrer == v.key.user && v.override != "Allow":
		return "SelfReferral"
	// An Allow admitted the pair and has been withdrawn.
	case v.pair.occupies() && v.pair.allowed && v.override == "" && m.sharesFingerprint(v):
		return "SharedFingerprint"
	}
	return ""
}

// judgeOthers judges the campaign as it is now, and the referrer.
func (m *model) judgeOthers(v *verdict) string {
	c := m.campaigns[v.campaign]
	switch {
	// Rule 16: edits reach what is admitted afterwards.
	case !c.contains(v.signup.at):
		return "OutsideCampaign"
	case v.attribution.source == "Touch" && v.signup.at-v.attribution.touched > c.window:
		return "OutsideWindow"
	case c.budget > 0 && !onlyIn(c.currency, v):
		return "CurrencyMismatch"
	case v.override != "Allow" && m.sharesFingerprint(v):
		return "SharedFingerprint"
	}
	return ""
}

// leavesBudget reports whether a reward of an admitted pair changes its currency to another one than
// the budget's: by the revision that newly reaches the pair, or by a corrected purchase (rule 4).
func (m *model) leavesBudget(v *verdict) bool {
	c := m.campaigns[v.campaign]
	if c.budget == 0 {
		return false
	}
	was := map[string]string{}
	for _, r := range c.revisions[v.pair.revision-1].terms.Rewards {
		was[r.Name] = r.currencyOf(v.net.currency)
	}
	for _, r := range v.terms.Rewards {
		now := r.currencyOf(v.net.currency)
		earned, earns := v.pair.credits[r.Name]
		if now != c.currency && (now != was[r.Name] || earns && now != earned.currency) {
			return true
		}
	}
	return false
}

// currencyOf returns the currency of a reward for a purchase in that currency.
func (r *rewardTerms) currencyOf(purchase string) string {
	if r.Rate != "" {
		return purchase
	}
	return r.Currency
}

// lists reports whether every list of amounts that is not empty has the currency.
func (t *terms) lists(currency string) bool {
	in := func(list map[string]int64) bool {
		_, ok := list[currency]
		return ok || len(list) == 0
	}
	for _, r := range t.Rewards {
		if r.Rate != "" && !in(r.Maximums) {
			return false
		}
	}
	return in(t.Minimums)
}

// onlyIn reports whether every reward is in the budget's currency.
func onlyIn(currency string, v *verdict) bool {
	for _, r := range v.terms.Rewards {
		if r.currencyOf(v.net.currency) != currency {
			return false
		}
	}
	return true
}

func (m *model) sharesFingerprint(v *verdict) bool {
	referrer := v.attribution.referrer
	if m.shared[v.key.user][referrer] {
		return true
	}
	for _, fingerprint := range v.signup.prints {
		if slices.Contains(m.signups[referrer].prints, fingerprint) {
			return true
		}
	}
	return false
}
