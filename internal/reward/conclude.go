package reward

import (
	"fmt"
	"time"
)

// conclude turns what was judged into a decision. claims reports that the candidate counts and the
// rest depends on its campaign's capacity: Allocate completes the decision. deferred reports that
// nothing but the mode of its campaign keeps it from counting.
func (c *candidate) conclude(first bool, now time.Time) (decision Decision, claims, deferred bool, err error) {
	reason, deferred, err := c.excluded(first)
	if err != nil {
		return Decision{}, false, false, err
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
	// Allocate comes to.
	credits, err := c.credits(max(1, decision.Ordinal))
	if err != nil {
		return Decision{}, false, false, err
	}
	if c.claims(credits) {
		return decision, true, false, nil
	}
	if !c.occupying() {
		decision.Ordinal = 0 // it gets one when it is recorded
	}
	c.earn(&decision, credits, now)
	return decision, false, false, nil
}

// claims reports whether the candidate, which counts and would earn these credits, needs capacity.
func (c *candidate) claims(credits []Credit) bool {
	if c.occupying() {
		return c.growth(credits) > 0
	}
	return c.campaign.Allocates()
}

// excluded is the reason why a candidate does not count after all; empty: it does. deferred
// reports that it is nothing but the mode of its campaign.
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
	case Open, Suspended, PolicyMissing:
		return "", false, nil
	case Closed:
		if c.waiting() {
			return "", false, nil
		}
		return CampaignDeleted, true, nil
	case Reversing: // nothing is left to judge in it
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
		return c.recorded()
	case c.attribution != nil:
		return Decision{PurchaseID: c.id(), Campaign: c.attribution.Campaign, ReferrerID: c.attribution.ReferrerID}
	}
	return Decision{PurchaseID: c.id()}
}

// keep takes over what a pair keeps: its ordinal once it was admitted, its admission order until it
// is reversed or attributed to another campaign, and that it was allowed until the Allow is gone.
func (d *Decision) keep(c *candidate) {
	d.Ordinal = c.ordinal()
	if c.pair.State != Reversed && c.pair.Campaign == d.Campaign && !c.lapsed {
		d.Order = c.pair.Order
	}
	if c.occupying() {
		d.Allowed = c.pair.Allowed && c.purchase.Override != NoVerdict
	}
}

// recorded is what is recorded of a pair of which nothing can be judged any more.
func (c *candidate) recorded() Decision {
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
		Ordinal:     c.ordinal(),
		Allowed:     c.pair.Allowed,
	}
}
