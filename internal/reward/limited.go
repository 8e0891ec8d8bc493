package reward

// Limited reports whether admissions of the campaign depend on other pairs: a revision of it has
// tiers, it has a cap or a budget, or pairs wait in it.
func (c *Campaign) Limited() bool {
	return c.Budget != nil || c.PairsPerReferrer > 0 || c.Waits || c.Tiered()
}

// Allocates reports whether a pair that counts needs the campaign's capacity: the campaign is
// limited, or it is not open, so that pairs join its waitlist.
func (c *Campaign) Allocates() bool { return c.Limited() || c.Mode != Open }

// Tiered reports whether a revision has tiers, so that credits depend on the pairs of the referrer.
func (c *Campaign) Tiered() bool {
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

// repriced reports whether a referrer's n-th and m-th pairs are in different tiers of some
// revision.
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
