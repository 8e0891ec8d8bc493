package reward

// Limited reports whether admissions of the campaign depend on other pairs: a revision of it has
// tiers, it has a cap or a budget, or pairs wait in it.
func (c *Campaign) Limited() bool {
	return c.Budget != nil || c.Cap() > 0 || c.Waits || c.tiered()
}

// Allocates reports whether a pair that counts has to ask the campaign for capacity: it is limited, or
// not open, so that pairs join its waitlist.
func (c *Campaign) Allocates() bool { return c.Limited() || c.Mode != Open }

// Cap is how many pairs of one referrer may be Held or Granted at a time; zero: no limit. It is
// the newest revision's, whichever revision a pair follows.
func (c *Campaign) Cap() int64 {
	if len(c.Revisions) == 0 {
		return 0
	}
	return c.Revisions[len(c.Revisions)-1].Terms.Limits.PairsPerReferrer
}

// tiered reports whether what a pair earns may depend on how many pairs its referrer has.
func (c *Campaign) tiered() bool {
	for i := range c.Revisions {
		if c.Revisions[i].Terms.tiered() {
			return true
		}
	}
	return false
}

func (t *Terms) tiered() bool {
	for i := range t.Rewards {
		if len(t.Rewards[i].Tiers) > 0 {
			return true
		}
	}
	return false
}

// repriced reports whether, under some revision, a referrer's n-th pair earns something else than
// the m-th.
func (c *Campaign) repriced(n, m int64) bool {
	for i := range c.Revisions {
		rewards := c.Revisions[i].Terms.Rewards
		for j := range rewards {
			if tiers := rewards[j].Tiers; len(tiers) > 0 && tierOf(tiers, n) != tierOf(tiers, m) {
				return true
			}
		}
	}
	return false
}
