package reward

import (
	"fmt"
	"time"
)

// conclude turns a judged candidate into a decision. claims reports that the candidate counts and
// needs capacity, so that Allocate completes the decision. deferred reports that only the mode of
// its campaign keeps the candidate from counting.
func (c *candidate) conclude(first bool, now time.Time) (decision Decision, claims, deferred bool, err error) {
	reason, deferred, err := c.excluded(first)
	if err != nil {
		return Decision{}, false, false, err
	}
	decision = c.decision()
	if reason != "" {
		decision.State, decision.Reason, decision.Allowed = NotCounting, reason, false
		if c.pair != nil {
			decision.State, decision.Reason = Reversed, c.reversedReason(reason)
		}
		return decision, false, deferred, nil
	}
	// Computing the credits finds invalid terms, whether or not the pair is admitted.
	credits, err := c.credits(max(1, decision.Ordinal))
	if err != nil {
		return Decision{}, false, false, err
	}
	if c.needsCapacity(credits) {
		return decision, true, false, nil
	}
	if !c.occupying() {
		decision.Ordinal = 0 // assigned when the pair is recorded
	}
	c.earn(&decision, credits, now)
	return decision, false, false, nil
}

// reversedReason returns the reason to record for a pair that does not count. A pair that was never
// admitted has CampaignDeleted only if a reversal takes it back, since takenBack reads the recorded
// reason: the deletion of a campaign with Retain must not make the pair be decided anew.
func (c *candidate) reversedReason(reason Reason) Reason {
	switch {
	case reason != CampaignDeleted || c.lapsed || c.takenBack() || c.admitted():
		return reason
	case c.pair.State == Reversed:
		return c.pair.Reason
	}
	return NotAttributed // the pair waits, and its signup leads to another campaign, which is deleted
}

// needsCapacity reports whether a candidate that counts needs capacity to earn these credits.
func (c *candidate) needsCapacity(credits []Credit) bool {
	if c.occupying() {
		return c.growth(credits) > 0
	}
	return c.campaign.Allocates()
}

// excluded returns the reason why a candidate does not count, First, Deny and the mode of its
// campaign included; empty: it counts. deferred reports that the only reason is the mode of its
// campaign.
func (c *candidate) excluded(first bool) (reason Reason, deferred bool, err error) {
	reason = c.excludedWhileOpen(first)
	switch {
	case c.deleted:
		return CampaignDeleted, reason == "", nil
	case reason != "" || c.keepsPlace():
		return reason, false, nil
	}
	switch c.campaign.Mode {
	case Open, Suspended, PolicyMissing:
		return "", false, nil
	case Closed:
		if c.waiting() {
			return "", false, nil
		}
		return CampaignDeleted, true, nil // it was reversed
	case Reversing: // c.reason is not empty
	}
	return "", false, fmt.Errorf("campaign %q has unknown mode %q", c.campaignName(), c.campaign.Mode)
}

// excludedWhileOpen returns the reason why a candidate would not count if its campaign were open;
// empty: it would.
func (c *candidate) excludedWhileOpen(first bool) Reason {
	switch {
	case c.reason != "":
		return c.reason
	case c.denied() && (c.keepsPlace() || !c.earnsOnlyAsFirst() || first):
		return Overridden
	case c.earnsOnlyAsFirst() && !first && !c.keepsPlace():
		return NotFirstPurchase
	}
	return ""
}

// earn sets the credits of a pair, and its state: Held until its hold ends, then Granted.
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

// decision returns the part of a decision that does not depend on whether the candidate counts. For
// a candidate that was not judged it is what is recorded.
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

// keep copies what a pair keeps: its ordinal once it was admitted, its admission order until it is
// reversed or attributed to another campaign, and Allowed until the Allow is withdrawn.
func (d *Decision) keep(c *candidate) {
	d.Ordinal = c.ordinal()
	if c.pair.State != Reversed && c.pair.Campaign == d.Campaign && !c.lapsed {
		d.Order = c.pair.Order
	}
	if c.occupying() {
		d.Allowed = c.pair.Allowed && c.purchase.Override != NoVerdict
	}
}

// recorded returns the recorded pair as a decision, for a candidate that cannot be judged.
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
