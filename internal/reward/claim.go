package reward

import (
	"cmp"
	"math"
	"math/big"
	"time"
)

// Claim is a pair that counts and needs capacity of its campaign: to be admitted or, if it is
// admitted, to grow, that is to earn more than it does. Allocate completes its decision.
type Claim struct {
	Decision  *Decision
	candidate *candidate
	now       time.Time
}

// UserID returns the referee of the pair.
func (c *Claim) UserID() string { return c.candidate.referee.UserID }

// Size returns how much the decision comes to hold once Allocate has completed it.
func (c *Claim) Size() DecisionSize { return c.candidate.sizeOf(c.Decision, true) }

// growing reports whether the pair is admitted already.
func (c *Claim) growing() bool { return c.candidate.occupying() }

// Admitted reports whether the claim admitted the pair.
func (c *Claim) Admitted() bool { return !c.growing() && c.Decision.Need == nil }

// offer returns the credits of the pair as its referrer's n-th, and how much more of the budget
// they take than its present ones, in minor units.
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

// growth returns how much more of the campaign's budget the credits take than the pair's present
// ones, in minor units. It may be below zero, and is at most math.MaxInt64.
func (c *candidate) growth(credits []Credit) int64 {
	if c.campaign.Budget == nil {
		return 0
	}
	var present []Credit
	if c.occupying() {
		present = c.pair.Credits
	}
	return clamp(Increase(present, credits, c.campaign.Budget.Currency))
}

// admit admits the pair as its referrer's n-th, or lets it grow, with these credits.
func (c *Claim) admit(n int64, credits []Credit) {
	if !c.growing() {
		c.Decision.Ordinal = n
	}
	c.candidate.earn(c.Decision, credits, c.now)
}

// wait puts the pair on the waitlist. A growing pair keeps its present credits and goes on
// maturing.
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

// CompareAdmission compares two pairs by the order in which they are admitted: by admission order;
// pairs without one come last, by (QualifiedAt, user, purchase).
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

// Increase returns how much more credits come to than the credits before, in one currency and in
// minor units. The sum of several credits may be out of the range of int64.
func Increase(before, credits []Credit, currency string) *big.Int {
	increase := total(credits, currency)
	return increase.Sub(increase, total(before, currency))
}

// total returns the sum of the credits in one currency, in minor units.
func total(credits []Credit, currency string) *big.Int {
	sum := new(big.Int)
	for i := range credits {
		if credits[i].Currency == currency {
			sum.Add(sum, big.NewInt(credits[i].Amount))
		}
	}
	return sum
}

// clamp returns the nearest amount in the range of int64.
func clamp(amount *big.Int) int64 {
	switch {
	case amount.IsInt64():
		return amount.Int64()
	case amount.Sign() < 0:
		return math.MinInt64
	}
	return math.MaxInt64
}
