package reward

import (
	"cmp"
	"math"
	"time"
)

// Claim is a pair that counts and asks its campaign for capacity: to be admitted, or, being
// admitted, to grow: to earn more than it does. Allocate concludes it.
type Claim struct {
	Decision  *Decision
	candidate *candidate
	now       time.Time
}

// UserID is the referee whose pair it is.
func (c *Claim) UserID() string { return c.candidate.referee.UserID }

// growing reports whether the pair is admitted already.
func (c *Claim) growing() bool { return c.candidate.occupying() }

// Admitted reports whether the claim admitted the pair.
func (c *Claim) Admitted() bool { return !c.growing() && c.Decision.Need == nil }

// offer is what the pair would earn as its referrer's n-th, and by how much more of the budget
// than it takes now, in minor units.
func (c *Claim) offer(n int64) (credits []Credit, needed int64, err error) {
	if c.growing() {
		n = c.candidate.pair.Ordinal
	}
	credits, err = c.candidate.credits(n)
	if err != nil {
		return nil, 0, err
	}
	return credits, c.candidate.growth(credits), nil
}

// growth is by how much more of the campaign's budget the credits take than what the pair earns
// so far; it may be below zero.
func (c *candidate) growth(credits []Credit) int64 {
	if c.campaign.Budget == nil {
		return 0
	}
	growth := Total(credits, c.campaign.Budget.Currency)
	if c.occupying() {
		growth -= Total(c.pair.Credits, c.campaign.Budget.Currency)
	}
	return growth
}

// admit gives the pair what it claims, as its referrer's n-th.
func (c *Claim) admit(n int64, credits []Credit) {
	if !c.growing() {
		c.Decision.Ordinal = n
	}
	c.candidate.earn(c.Decision, credits, c.now)
}

// wait puts the pair on the waitlist. A growing one keeps what it has, and goes on maturing.
func (c *Claim) wait(reason Reason) error {
	need, err := c.candidate.need()
	if err != nil {
		return err
	}
	d := c.Decision
	if c.growing() {
		c.candidate.earn(d, c.candidate.pair.Credits, c.now)
		d.Reason = BudgetExhausted
	} else {
		d.State, d.Reason, d.Allowed = Waiting, reason, false
	}
	d.Need = &need
	return nil
}

// CompareAdmission orders the decisions of two referees' pairs as they are admitted: by admission
// order; pairs that have none yet come last, by the time at which they qualified, user and purchase.
func CompareAdmission(userA string, a *Decision, userB string, b *Decision) int {
	switch {
	case a.Order > 0 && b.Order > 0:
		return cmp.Compare(a.Order, b.Order)
	case a.Order > 0:
		return -1
	case b.Order > 0:
		return 1
	}
	return cmp.Or(
		a.QualifiedAt.Compare(b.QualifiedAt),
		cmp.Compare(userA, userB),
		cmp.Compare(a.PurchaseID, b.PurchaseID),
	)
}

// Total adds up the credits in one currency. A sum that leaves the range is as good as its end: no
// budget has capacity for it.
func Total(credits []Credit, currency string) int64 {
	var sum int64
	for i := range credits {
		if credits[i].Currency != currency {
			continue
		}
		if credits[i].Amount > math.MaxInt64-sum {
			return math.MaxInt64
		}
		sum += credits[i].Amount
	}
	return sum
}
