package reward

import (
	"cmp"
	"fmt"
	"slices"
)

// MostBudgetLeft is less than math.MaxInt64, which may stand for a need beyond the range of int64:
// no budget has capacity for that.
const MostBudgetLeft = 1<<63 - 2

// Capacity is what cap and budget of one campaign leave. Allocate uses it up as it admits.
type Capacity struct {
	Campaign *Campaign
	// BudgetLeft is in minor units, and below zero after the budget was lowered. It is at most
	// MostBudgetLeft. Without a budget it means nothing.
	BudgetLeft int64
	Admitted   map[string]int64 // Held and Granted pairs, by referrer

	// RollingOut reports that a rollout of a campaign with a budget has still to move pairs, which
	// may earn more then. AdmittedPairs is the number of Held and Granted pairs of all referrers.
	RollingOut    bool
	AdmittedPairs int64
}

// WaitingPair is a pair on the waitlist as it was decided last.
type WaitingPair struct {
	UserID, PurchaseID string
	ReferrerID         string
	Order              int64
	Growing            bool // admitted already: needs budget only
	Need               Need
	Outdated           bool // decided under an older edit of the campaign: it could fit, whatever its Need says
}

// Waitlist is what Allocate has to know of the waiting pairs that are not its claims.
type Waitlist struct {
	CouldFit []WaitingPair // waiting pairs that could fit, by Order
	Complete bool          // CouldFit has all of them; false: pairs after its last may fit as well
	// Repricing lists the referrers with waiting pairs that may need less in another tier.
	Repricing map[string]bool
	// Freed reports that capacity became free that CouldFit does not take into account: no claim is
	// admitted.
	Freed bool
}

// Allocate admits claims of one campaign in admission order, as far as its capacity goes; the rest
// joins the waitlist. A claim is never admitted while a waiting pair before it could fit; a pair
// that does not fit is passed over. While a rollout goes on that the budget may not suffice for,
// nothing is admitted: its growths are served in admission order once all are known. Where an
// admission may have made another waiting pair fit, nothing further is admitted. It reports how
// many claims were admitted or grew, and whether a claim waits that fits, so that the campaign has
// to be allocated again.
//
// An error names the claim whose credits cannot be computed.
func Allocate(capacity *Capacity, claims []Claim, waitlist Waitlist) (admitted int, again bool, err error) {
	slices.SortFunc(claims, func(a, b Claim) int {
		return CompareAdmission(a.UserID(), a.Decision, b.UserID(), b.Decision)
	})
	a := allocation{capacity: capacity, waitlist: waitlist, stopped: waitlist.Freed || capacity.rolloutFirst(claims), passed: map[string]bool{}, entered: map[string]bool{}}
	for i := range claims {
		if err := a.serve(&claims[i]); err != nil {
			return 0, false, fmt.Errorf("while admitting purchase %q of %q: %w", claims[i].Decision.PurchaseID, claims[i].UserID(), err)
		}
	}
	return a.admitted, a.again, nil
}

// allocation is the state of one Allocate.
type allocation struct {
	capacity *Capacity
	waitlist Waitlist
	stopped  bool            // a waiting pair that could fit comes before all further claims
	passed   map[string]bool // referrers of claims that did not fit
	entered  map[string]bool // referees with a pair that this allocation admitted
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
		return claim.wait(Qualified) // only the mode keeps the pair waiting
	}
	if a.waitingFirst(claim) || a.losesFirst(claim) {
		a.again = true
		return claim.wait(a.capacity.shortOf())
	}
	claim.admit(n, credits)
	a.capacity.use(referrer, claim.growing(), needed)
	a.admitted++
	a.entered[claim.UserID()] = a.entered[claim.UserID()] || !claim.growing()
	if !claim.growing() && a.reprices(referrer, n) {
		a.stopped = true
	}
	return nil
}

// rolloutFirst reports whether claims have to wait until a rollout has moved all its pairs: with
// these claims, the budget may not suffice for what the pairs earn then.
func (c *Capacity) rolloutFirst(claims []Claim) bool {
	if !c.RollingOut {
		return false
	}
	pairs := c.AdmittedPairs
	for i := range claims {
		if !claims[i].growing() {
			pairs++
		}
	}
	return pairs > 0 && c.Campaign.mostPerPair() > c.Campaign.Budget.Amount/pairs
}

// waitingFirst reports whether a waiting pair before the claim could fit. Claims are served in
// order, so a pair that comes before one claim comes before all later claims.
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

// losesFirst reports whether the purchase counts only as the first of its referee, and this
// allocation admitted another one of that referee. The claim is decided again.
func (a *allocation) losesFirst(claim *Claim) bool {
	return !claim.growing() && claim.candidate.earnsOnlyAsFirst() && a.entered[claim.UserID()]
}

// reprices reports whether waiting pairs of the referrer may need less now that its n-th pair is
// admitted.
func (a *allocation) reprices(referrer string, n int64) bool {
	campaign := a.capacity.Campaign
	return campaign.Budget != nil && (a.waitlist.Repricing[referrer] || a.passed[referrer]) && campaign.repriced(n, n+1)
}

// Fitting returns the waiting pairs, in order, that fit by their recorded need, and all outdated
// ones. It uses the capacity up.
func (c *Capacity) Fitting(waiting []WaitingPair) []WaitingPair {
	var fitting []WaitingPair
	for i := range waiting {
		w := &waiting[i]
		switch {
		case w.Outdated:
			fitting = append(fitting, *w)
		case c.couldFit(w):
			fitting = append(fitting, *w)
			c.use(w.ReferrerID, w.Growing, w.Need.As(c.Admitted[w.ReferrerID]+1))
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

// lack returns the reason why a pair of the referrer that needs this amount does not fit; empty: it
// fits.
func (c *Capacity) lack(referrer string, growing bool, needed int64) Reason {
	limit := c.Campaign.PairsPerReferrer
	switch {
	case !growing && limit > 0 && c.Admitted[referrer] >= limit:
		return CapReached
	case c.Campaign.Budget != nil && needed > 0 && needed > c.BudgetLeft:
		return BudgetExhausted
	}
	return ""
}

// WaitReason returns the reason of a pair of the referrer that waits to be admitted and needs this
// amount: what it lacks, or Qualified if it fits.
func (c *Capacity) WaitReason(referrer string, needed int64) Reason {
	return cmp.Or(c.lack(referrer, false, needed), Qualified)
}

// shortOf returns the reason of a pair that fits but waits for pairs before it: the limit whose
// capacity these pairs take.
func (c *Capacity) shortOf() Reason {
	switch {
	case c.Campaign.Budget != nil:
		return BudgetExhausted
	case c.Campaign.PairsPerReferrer > 0:
		return CapReached
	}
	return Qualified
}

// use subtracts what an admitted pair of the referrer takes.
func (c *Capacity) use(referrer string, growing bool, needed int64) {
	c.BudgetLeft -= needed
	if !growing {
		c.Admitted[referrer]++
	}
}
