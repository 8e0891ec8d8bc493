package reward

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"
)

// follow finds the campaign and the revision that a candidate is judged under. A pair that was
// admitted stays in its campaign, and a waiting pair as long as its signup is attributed to it.
func (c *candidate) follow(config *Configuration) error {
	if c.removed() {
		return nil // the candidate is not judged
	}
	if c.attribution == nil {
		if c.admitted() || config.KeepsAttribution(c.referee.Pairs) {
			return errors.New("the referee has an admitted pair but no attribution")
		}
		return nil
	}
	name := c.campaignName()
	campaign := config.Campaigns[name]
	if campaign == nil {
		return fmt.Errorf("campaign %q is not declared", name)
	}
	revision, err := c.revisionIn(campaign)
	if err != nil {
		return err
	}
	if scope := revision.Terms.Purchases; scope != FirstPurchase && scope != EveryPurchase {
		return fmt.Errorf("campaign %q has purchases %q in revision %d: must be First or Every", name, scope, revision.Number)
	}
	if c.purchase.Amount < 0 || c.purchase.Refunded < 0 {
		return fmt.Errorf("amount %d with refunds of %d is out of range", c.purchase.Amount, c.purchase.Refunded)
	}
	c.campaign, c.revision = campaign, revision
	c.net = c.purchase.Amount - c.purchase.Refunded
	return nil
}

// revisionIn returns the newest revision that reaches the candidate, beginning with the revision
// that its pair follows, or with the first.
func (c *candidate) revisionIn(campaign *Campaign) (*Revision, error) {
	if len(campaign.Revisions) == 0 {
		return nil, fmt.Errorf("campaign %q has no revision", campaign.Name)
	}
	at := 0
	if c.continues(campaign) {
		if at = campaign.index(c.pair.Revision); at < 0 {
			return nil, fmt.Errorf("campaign %q has no revision %d", campaign.Name, c.pair.Revision)
		}
	}
	followed := &campaign.Revisions[at]
	for i := at + 1; i < len(campaign.Revisions); i++ {
		matures := maturesAt(c.purchase.PurchasedAt, followed.Terms.HoldPeriod)
		if !campaign.withdrawn(i) && c.reachedBy(campaign, i, matures) {
			followed = &campaign.Revisions[i]
		}
	}
	return followed, nil
}

// continues reports whether the pair begins with the revision that it has. A pair that a deleted
// campaign took back is decided anew.
func (c *candidate) continues(campaign *Campaign) bool {
	return c.pair != nil && c.pair.Campaign == campaign.Name && (campaign.Mode == Closed || !c.takenBack())
}

// reachedBy reports whether the revision of that index reaches the candidate, whose hold ended at
// matures under the revision before, unless it is withdrawn. A revision that withdraws the one
// before it also reaches what that one may have reached.
func (c *candidate) reachedBy(campaign *Campaign, at int, matures time.Time) bool {
	anew := !c.continues(campaign)
	for ; at >= 0; at-- {
		r := &campaign.Revisions[at]
		switch {
		case !anew && c.pair.Revision == r.Number: // a later revision withdraws it
			return true
		case r.reached(c, anew, matures):
			return true
		case !r.Withdraws || !r.Rollout.Reaches(c.referee.UserID):
			return false
		}
	}
	return false
}

// reached reports whether the revision by itself reaches a candidate, which is decided anew or
// continues with a recorded pair. Pairs from before the revision are reached only by its rollout.
func (r *Revision) reached(c *candidate, anew bool, matures time.Time) bool {
	// A pair that began to wait after this revision was recorded already has its revision.
	waited := !anew && c.pair.State == Waiting && c.pair.CountedAt.Before(r.RecordedAt)
	switch {
	case (anew || waited) && later(c.referee.Signup.ArrivedAt, c.purchase.ArrivedAt).After(r.RecordedAt):
		return true
	case !r.Rollout.Reaches(c.referee.UserID):
		return false
	}
	return r.Scope == AllPairs || r.Scope == HeldPairs && (matures.After(r.RecordedAt) || waited)
}

// Reaches reports whether the rollout has reached the pairs of a referee.
func (r *Rollout) Reaches(userID string) bool { return r != nil && (r.All || userID <= r.Reached) }

// withdrawn reports whether the next revision withdraws the revision with that index, which then
// reaches nothing any more.
func (c *Campaign) withdrawn(index int) bool {
	next := index + 1
	return next < len(c.Revisions) && c.Revisions[next].Withdraws
}

// index returns the index of the revision with that number; -1: there is none.
func (c *Campaign) index(number int) int {
	at, found := slices.BinarySearchFunc(c.Revisions, number, func(r Revision, number int) int { return cmp.Compare(r.Number, number) })
	if !found {
		return -1
	}
	return at
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
