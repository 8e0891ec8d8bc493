package reward

import (
	"errors"
	"fmt"
	"time"
)

// follow finds the campaign and the revision that a candidate is judged under.
// A pair that was admitted keeps both for ever, and one that only waited keeps
// its revision as long as its signup is bound to the same campaign.
func (c *candidate) follow(config *Configuration) error {
	if c.removed() {
		return nil // nothing is judged
	}
	if c.attribution == nil {
		if c.admitted() || bound(c.referee) {
			return errors.New("the referee has an admitted pair but no attribution")
		}
		return nil
	}
	name := c.campaignName()
	campaign := config.Campaigns[name]
	if campaign == nil {
		return fmt.Errorf("campaign %q is not declared", name)
	}
	var revision *Revision
	if c.pair != nil && c.pair.Campaign == name {
		revision = campaign.revision(c.pair.Revision)
		if revision == nil {
			return fmt.Errorf("campaign %q has no revision %d", name, c.pair.Revision)
		}
	} else {
		revision = campaign.revisionFor(later(c.referee.Signup.ArrivedAt, c.purchase.ArrivedAt))
		if revision == nil {
			return fmt.Errorf("campaign %q has no revision", name)
		}
	}
	if scope := revision.Terms.Purchases; scope != FirstPurchase && scope != EveryPurchase {
		return fmt.Errorf("campaign %q has purchases %q in revision %d: must be First or Every", name, scope, revision.Number)
	}
	if c.purchase.Amount <= 0 || c.purchase.Refunded < 0 {
		return fmt.Errorf("amount %d with refunds of %d is out of range", c.purchase.Amount, c.purchase.Refunded)
	}
	c.campaign, c.revision = campaign, revision
	c.net = c.purchase.Amount - c.purchase.Refunded
	return nil
}

// revisionFor is the newest that was recorded before a new pair arrived; for
// one that is older than all, the first.
func (c *Campaign) revisionFor(arrivedAt time.Time) *Revision {
	for i := len(c.Revisions) - 1; i >= 0; i-- {
		if i == 0 || arrivedAt.After(c.Revisions[i].RecordedAt) {
			return &c.Revisions[i]
		}
	}
	return nil
}

// revision is the one of that number; nil: there is none.
func (c *Campaign) revision(number int) *Revision {
	for i := range c.Revisions {
		if c.Revisions[i].Number == number {
			return &c.Revisions[i]
		}
	}
	return nil
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
