package reward

import (
	"fmt"
	"time"
)

// conclude turns what was judged into a decision. One without a state means
// that nothing is to be recorded of the candidate yet. deferred tells that only
// the mode of its campaign keeps it from being admitted.
func (c *candidate) conclude(first bool, now time.Time) (decision Decision, deferred bool, err error) {
	reason := c.reason
	switch {
	case reason != "":
	case c.keepsPlace():
		if c.denied() {
			reason = Overridden
		}
	case c.wantsPlace() && !first:
		reason = NotFirstPurchase
	case c.denied():
		reason = Overridden
	default:
		switch c.campaign.Mode {
		case Open:
		case PolicyMissing:
			return c.unchanged(), true, nil
		case Closed:
			reason, deferred = CampaignDeleted, true
		default:
			return Decision{}, false, fmt.Errorf("campaign %q has unknown mode %q", c.campaignName(), c.campaign.Mode)
		}
	}
	decision = c.decision()
	if reason != "" {
		decision.State, decision.Reason = NotCounting, reason
		if c.pair != nil {
			decision.State = Reversed
		}
		return decision, deferred, nil
	}
	decision.Credits, err = c.credits()
	if err != nil {
		return Decision{}, false, err
	}
	switch {
	case now.Before(decision.MaturesAt):
		decision.State, decision.Reason = Held, HoldPeriod
	case c.purchase.Override == Allow:
		decision.State, decision.Reason = Granted, Overridden
	default:
		decision.State, decision.Reason = Granted, Qualified
	}
	return decision, false, nil
}

// decision is all that does not depend on whether the candidate counts. Of what
// was not judged it is what is recorded.
func (c *candidate) decision() Decision {
	switch {
	case c.revision != nil:
		return Decision{
			PurchaseID:  c.purchase.ID,
			Campaign:    c.campaignName(),
			ReferrerID:  c.attribution.ReferrerID,
			Revision:    c.revision.Number,
			QualifiedAt: later(c.referee.Signup.SignedUpAt, c.purchase.PurchasedAt),
			MaturesAt:   maturesAt(c.purchase.PurchasedAt, c.revision.Terms.HoldPeriod),
		}
	case c.pair != nil:
		return c.unchanged()
	case c.attribution != nil:
		return Decision{PurchaseID: c.id(), Campaign: c.attribution.Campaign, ReferrerID: c.attribution.ReferrerID}
	}
	return Decision{PurchaseID: c.id()}
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
	}
}
