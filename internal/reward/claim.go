package reward

import (
	"math"
	"time"
)

// Claim is a pair that counts and asks its campaign for room: to be admitted,
// or, being admitted, to earn more than it does.
type Claim struct {
	Decision  *Decision // what Admit concludes
	candidate *candidate
	now       time.Time
}

// UserID is the referee whose pair it is.
func (c *Claim) UserID() string { return c.candidate.referee.UserID }

// entering tells that the pair is not admitted so far.
func (c *Claim) entering() bool { return !c.candidate.occupying() }

// Admitted tells that the pair is admitted by this decision.
func (c *Claim) Admitted() bool {
	return c.entering() && (c.Decision.State == Held || c.Decision.State == Granted)
}

// place is where the claim stands in line.
func (c *Claim) place() Place {
	d := c.Decision
	return Place{
		UserID: c.UserID(), PurchaseID: d.PurchaseID, ReferrerID: d.ReferrerID,
		Order: d.Order, Growing: !c.entering(),
	}
}

// offer is what the pair would earn as its referrer's n-th, and by how much more
// of the budget than it takes now.
func (c *Claim) offer(n int64) (credits []Credit, needs int64, err error) {
	if !c.entering() {
		n = c.candidate.pair.Ordinal
	}
	credits, err = c.candidate.credits(n)
	if err != nil {
		return nil, 0, err
	}
	return credits, c.candidate.growth(credits), nil
}

// growth is by how much more of the campaign's budget the credits take than
// what the pair earns so far; it may be below zero.
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

// admit gives the pair what it claims.
func (c *Claim) admit(n int64, credits []Credit) {
	if c.entering() {
		c.Decision.Ordinal = n
	}
	c.candidate.earn(c.Decision, credits, c.now)
}

// wait leaves the pair in line for what it needs.
func (c *Claim) wait(reason Reason, needs int64) {
	d := c.Decision
	if c.entering() {
		d.State, d.Reason, d.Allowed = Waiting, reason, false
	} else {
		// It keeps what it has, and goes on maturing.
		c.candidate.earn(d, c.candidate.pair.Credits, c.now)
		d.Reason = BudgetExhausted
	}
	d.Needs = &needs
}

// Total adds up the credits in one currency. Sums that leave the range are as
// good as its end: no budget has room for them.
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
