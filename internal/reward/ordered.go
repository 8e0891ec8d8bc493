package reward

// Ordered tells whether pairs are admitted one after the other, in the order of
// the campaign's line: with a cap, a budget or tiers one admission depends on
// those before it.
func (c *Campaign) Ordered() bool {
	return c.Budget != nil || c.Cap() > 0 || c.Tiered()
}

// Cap is how many pairs of one referrer may be held or granted at a time; zero:
// no limit. It is the newest revision's, whichever a pair follows.
func (c *Campaign) Cap() int64 {
	if len(c.Revisions) == 0 {
		return 0
	}
	return c.Revisions[len(c.Revisions)-1].Terms.Limits.PairsPerReferrer
}

// Tiered tells whether what a pair earns may depend on how many its referrer has.
func (c *Campaign) Tiered() bool {
	for i := range c.Revisions {
		rewards := c.Revisions[i].Terms.Rewards
		for j := range rewards {
			if len(rewards[j].Tiers) > 0 {
				return true
			}
		}
	}
	return false
}

// Repriced tells whether a referrer's next pair earns something else after the
// second number of pairs than after the first.
func (c *Campaign) Repriced(before, after int64) bool {
	for i := range c.Revisions {
		rewards := c.Revisions[i].Terms.Rewards
		for j := range rewards {
			if tiers := rewards[j].Tiers; len(tiers) > 0 && tierOf(tiers, before+1) != tierOf(tiers, after+1) {
				return true
			}
		}
	}
	return false
}
