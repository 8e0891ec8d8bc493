package reward

import "slices"

// Detach returns the claim with copies of what Allocate reads, so that the claim keeps no facts of
// its referee in memory.
func (c *Claim) Detach() Claim {
	decision, slim := *c.Decision, *c.candidate
	slim.referee = &Referee{UserID: c.UserID()}
	purchase := *slim.purchase
	purchase.Attributes = nil
	slim.purchase = &purchase
	if slim.pair != nil {
		pair := *slim.pair
		slim.pair = &pair
	}
	return Claim{Decision: &decision, candidate: &slim, now: c.now}
}

// AllocateAll gives the capacity of a campaign to claims beside which no other pair waits, as a
// series of batches would. It completes their decisions, and reports how many claims were served
// and how many wait for a limit.
//
// The order of the claims is changed. An error names the claim whose credits cannot be computed.
func AllocateAll(capacity *Capacity, claims []Claim) (served, waiting int, err error) {
	entered := map[string]bool{} // referees with a pair that was admitted
	for rest := claims; len(rest) > 0; {
		for i := range rest {
			rest[i].Decision.Need = nil
		}
		admitted, _, err := Allocate(capacity, rest, Waitlist{Complete: true, Repricing: map[string]bool{}})
		if err != nil {
			return 0, 0, err
		}
		// Claims that wait come first, so that the next round begins with them.
		n := 0
		for i := range rest {
			if rest[i].Decision.Need == nil {
				entered[rest[i].UserID()] = entered[rest[i].UserID()] || rest[i].Admitted()
				continue
			}
			rest[i], rest[n] = rest[n], rest[i]
			n++
		}
		rest = rest[:n]
		for i := range rest {
			if c := &rest[i]; !c.growing() && c.candidate.earnsOnlyAsFirst() && entered[c.UserID()] {
				c.loseFirst()
			}
		}
		if served += admitted; admitted == 0 {
			break
		}
		rest = slices.DeleteFunc(slices.Clone(rest), func(c Claim) bool { return c.Decision.Need == nil })
	}
	for i := range claims {
		if claims[i].Decision.Need != nil {
			waiting++
		}
	}
	return served, waiting, nil
}

// loseFirst concludes that another purchase of the referee is the first.
func (c *Claim) loseFirst() {
	d := c.Decision
	d.State, d.Reason, d.Need, d.Allowed, d.Credits = NotCounting, NotFirstPurchase, nil, false, nil
	if c.candidate.pair != nil {
		d.State = Reversed
	}
}
