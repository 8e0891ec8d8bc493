package reward

import (
	"fmt"
	"time"
)

// conclude turns what was judged into a decision. One without a state means
// that nothing is to be recorded of the candidate yet. deferred tells that only
// the mode of its campaign keeps it from being admitted. A claim tells that it
// counts, and that the rest depends on the campaign's room.
func (c *candidate) conclude(first bool, now time.Time) (decision Decision, claims, deferred bool, err error) {
	reason, deferred, err := c.excluded(first)
	if err != nil {
		return Decision{}, false, false, err
	}
	if reason == "" && deferred {
		return c.unchanged(), false, true, nil
	}
	decision = c.decision()
	if reason != "" {
		decision.State, decision.Reason, decision.Allowed = NotCounting, reason, false
		if c.pair != nil {
			decision.State = Reversed
		}
		return decision, false, deferred, nil
	}
	// Working the credits out finds what is wrong with the terms, whatever
	// Admit comes to.
	credits, err := c.credits(max(1, decision.Ordinal))
	if err != nil {
		return Decision{}, false, false, err
	}
	if !c.occupying() && c.campaign.Ordered() || c.occupying() && c.growth(credits) > 0 {
		return decision, true, false, nil
	}
	if !c.occupying() {
		decision.Ordinal = 0 // it gets one when it is recorded
	}
	c.earn(&decision, credits, now)
	return decision, false, false, nil
}

// excluded is the reason why a candidate does not count after all; empty: it
// does. deferred tells that there is none but the mode of its campaign.
func (c *candidate) excluded(first bool) (reason Reason, deferred bool, err error) {
	switch {
	case c.reason != "":
		return c.reason, false, nil
	case c.denied() && (c.keepsPlace() || !c.wantsPlace() || first):
		return Overridden, false, nil
	case c.keepsPlace():
		return "", false, nil
	case c.wantsPlace() && !first:
		return NotFirstPurchase, false, nil
	}
	switch c.campaign.Mode {
	case Open:
		return "", false, nil
	case PolicyMissing:
		return "", true, nil
	case Closed:
		return CampaignDeleted, true, nil
	case Suspended, Reversing: // nothing is left to judge in these
	}
	return "", false, fmt.Errorf("campaign %q has unknown mode %q", c.campaignName(), c.campaign.Mode)
}

// earn gives the pair its credits, at once or when its hold ends.
func (c *candidate) earn(decision *Decision, credits []Credit, now time.Time) {
	decision.Credits = credits
	switch {
	case now.Before(decision.MaturesAt):
		decision.State, decision.Reason = Held, HoldPeriod
	case c.purchase.Override == Allow:
		decision.State, decision.Reason = Granted, Overridden
	default:
		decision.State, decision.Reason = Granted, Qualified
	}
}

// decision is all that does not depend on whether the candidate counts. Of what
// was not judged it is what is recorded.
func (c *candidate) decision() Decision {
	switch {
	case c.revision != nil:
		decision := Decision{
			PurchaseID:  c.purchase.ID,
			Campaign:    c.campaignName(),
			ReferrerID:  c.attribution.ReferrerID,
			Revision:    c.revision.Number,
			QualifiedAt: later(c.referee.Signup.SignedUpAt, c.purchase.PurchasedAt),
			MaturesAt:   maturesAt(c.purchase.PurchasedAt, c.revision.Terms.HoldPeriod),
			Allowed:     c.purchase.Override == Allow,
		}
		if c.pair != nil {
			decision.keep(c)
		}
		return decision
	case c.pair != nil:
		decision := c.unchanged()
		decision.Needs = nil
		if c.lapsed {
			decision.Ordinal = 0
		}
		return decision
	case c.attribution != nil:
		return Decision{PurchaseID: c.id(), Campaign: c.attribution.Campaign, ReferrerID: c.attribution.ReferrerID}
	}
	return Decision{PurchaseID: c.id()}
}

// keep takes over what a pair keeps: its ordinal once it was admitted, its place
// in line until it is reversed, and that it was allowed until it stands without.
func (d *Decision) keep(c *candidate) {
	if c.admitted() {
		d.Ordinal = c.pair.Ordinal
	}
	if c.pair.State != Reversed && !c.lapsed {
		d.Order = c.pair.Order
	}
	if c.occupying() {
		d.Allowed = c.pair.Allowed && c.purchase.Override != NoVerdict
	}
}

// unchanged is what is recorded already; without a state where nothing is.
func (c *candidate) unchanged() Decision {
	if c.pair == nil {
		return Decision{}
	}
	return Decision{
		PurchaseID:  c.pair.PurchaseID,
		Campaign:    c.pair.Campaign,
		ReferrerID:  c.pair.ReferrerID,
		Revision:    c.pair.Revision,
		State:       c.pair.State,
		Reason:      c.pair.Reason,
		QualifiedAt: c.pair.QualifiedAt,
		MaturesAt:   c.pair.MaturesAt,
		Order:       c.pair.Order,
		Ordinal:     c.pair.Ordinal,
		Allowed:     c.pair.Allowed,
		Needs:       c.pair.Needs,
	}
}
