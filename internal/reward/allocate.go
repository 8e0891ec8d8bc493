package reward

import (
	"fmt"
	"slices"
)

// Capacity is what cap and budget of one campaign leave. Allocate uses it up as it admits.
type Capacity struct {
	Campaign   *Campaign
	BudgetLeft int64            // minor units, below zero after the budget was lowered; means nothing without a budget
	Admitted   map[string]int64 // Held and Granted pairs, by referrer
}

// WaitingPair is a pair on the waitlist as it was decided last.
type WaitingPair struct {
	UserID, PurchaseID string
	ReferrerID         string
	Order              int64
	Growing            bool // admitted already: needs budget only
	Need               Need
	Outdated           bool // decided under an older edit of the campaign: it could fit, whatever it needed then
}

// Waitlist is what Allocate has to know of the waiting pairs that it is not asked to admit.
type Waitlist struct {
	CouldFit []WaitingPair // those that could fit, by Order
	Complete bool          // CouldFit lacks none; else pairs after its last may fit as well
	// Repricing lists referrers with waiting pairs: another tier may be cheaper for these.
	Repricing map[string]bool
	// Freed: a pair's place became free that is not counted in CouldFit. No claim is admitted.
	Freed bool
}

// Allocate admits claims of one campaign in admission order, as far as its capacity goes; the rest
// joins the waitlist. A claim is never admitted while a waiting pair before it could fit; a pair
// that does not fit is passed over. Where an admission may have made another waiting pair fit,
// nothing further is admitted. It reports how many claims were admitted or grew, and whether
// one waits that fits, which another allocation has to look at.
//
// An error names the claim that cannot be worked out.
func Allocate(capacity *Capacity, claims []Claim, waitlist Waitlist) (admitted int, again bool, err error) {
	slices.SortFunc(claims, func(a, b Claim) int {
		return CompareAdmission(a.UserID(), a.Decision, b.UserID(), b.Decision)
	})
	a := allocation{capacity: capacity, waitlist: waitlist, stopped: waitlist.Freed, passed: map[string]bool{}, entered: map[string]bool{}}
	for i := range claims {
		if err := a.serve(&claims[i]); err != nil {
			return 0, false, fmt.Errorf("while admitting purchase %q of %q: %w", claims[i].Decision.PurchaseID, claims[i].UserID(), err)
		}
	}
	return a.admitted, a.again, nil
}

// allocation is an Allocate under way.
type allocation struct {
	capacity *Capacity
	waitlist Waitlist
	stopped  bool            // a waiting pair that could fit comes before all further claims
	passed   map[string]bool // referrers of claims that did not fit
	entered  map[string]bool // referees of whom a pair was admitted
	admitted int
	again    bool
}

// serve admits the claim or puts it on the waitlist.
func (a *allocation) serve(claim *Claim) error {
	referrer := claim.Decision.ReferrerID
	n := a.capacity.Admitted[referrer] + 1
	credits, needed, err := claim.offer(n)
	if err != nil {
		return err
	}
	if lack := a.capacity.lack(referrer, claim.growing(), needed); lack != "" {
		a.passed[referrer] = a.passed[referrer] || !claim.growing()
		return claim.wait(lack)
	}
	if !claim.growing() && a.capacity.Campaign.Mode != Open {
		return claim.wait(Qualified) // whatever capacity there is
	}
	if a.waitingFirst(claim) || a.losesFirst(claim) {
		a.again = true
		return claim.wait(a.capacity.shortOf())
	}
	claim.admit(n, credits)
	a.capacity.take(referrer, claim.growing(), needed)
	a.admitted++
	a.entered[claim.UserID()] = a.entered[claim.UserID()] || !claim.growing()
	if !claim.growing() && a.reprices(referrer, n) {
		a.stopped = true
	}
	return nil
}

// waitingFirst reports whether a waiting pair before the claim could fit. Claims are served in
// order, so what once stood before one stands before all that follow.
func (a *allocation) waitingFirst(claim *Claim) bool {
	for !a.stopped && len(a.waitlist.CouldFit) > 0 {
		next := &a.waitlist.CouldFit[0]
		if claim.Decision.Order > 0 && claim.Decision.Order < next.Order {
			return false
		}
		a.stopped = a.capacity.couldFit(next)
		a.waitlist.CouldFit = a.waitlist.CouldFit[1:]
		if len(a.waitlist.CouldFit) == 0 && !a.waitlist.Complete {
			a.stopped = true
		}
	}
	return a.stopped
}

// losesFirst reports whether the purchase counts only as the first of its referee, of whom another
// was admitted just now. It is decided again.
func (a *allocation) losesFirst(claim *Claim) bool {
	return !claim.growing() && claim.candidate.wantsPlace() && a.entered[claim.UserID()]
}

// reprices reports whether waiting pairs of the referrer may need less now that its n-th pair is
// admitted.
func (a *allocation) reprices(referrer string, n int64) bool {
	campaign := a.capacity.Campaign
	return campaign.Budget != nil && (a.waitlist.Repricing[referrer] || a.passed[referrer]) && campaign.repriced(n, n+1)
}

// Fitting picks those of the waiting pairs, in order, that the capacity admits by what is known of
// them, and all that are outdated. It uses the capacity up.
func (c *Capacity) Fitting(waiting []WaitingPair) []WaitingPair {
	var fitting []WaitingPair
	for i := range waiting {
		w := &waiting[i]
		switch {
		case w.Outdated:
			fitting = append(fitting, *w)
		case c.couldFit(w):
			fitting = append(fitting, *w)
			c.take(w.ReferrerID, w.Growing, w.Need.As(c.Admitted[w.ReferrerID]+1))
		}
	}
	return fitting
}

// couldFit reports whether the capacity may admit a waiting pair.
func (c *Capacity) couldFit(w *WaitingPair) bool {
	if !w.Growing && c.Campaign.Mode != Open {
		return false
	}
	return w.Outdated || c.lack(w.ReferrerID, w.Growing, w.Need.As(c.Admitted[w.ReferrerID]+1)) == ""
}

// lack is the reason why a pair of the referrer that needs so much does not fit; empty: it does.
func (c *Capacity) lack(referrer string, growing bool, needed int64) Reason {
	limit := c.Campaign.Cap()
	switch {
	case !growing && limit > 0 && c.Admitted[referrer] >= limit:
		return CapReached
	case c.Campaign.Budget != nil && needed > 0 && needed > c.BudgetLeft:
		return BudgetExhausted
	}
	return ""
}

// shortOf is the reason of a pair that fits and has to wait for pairs before it: what these take.
func (c *Capacity) shortOf() Reason {
	switch {
	case c.Campaign.Budget != nil:
		return BudgetExhausted
	case c.Campaign.Cap() > 0:
		return CapReached
	}
	return Qualified
}

func (c *Capacity) take(referrer string, growing bool, needed int64) {
	c.BudgetLeft -= needed
	if !growing {
		c.Admitted[referrer]++
	}
}
