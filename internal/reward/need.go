package reward

import "slices"

// Need is how much of its campaign's budget a pair on the waitlist would take, in minor units. It
// follows from the pair's own facts and revision alone; without a budget it is zero. A growing pair
// needs the difference to its present credits.
type Need struct {
	Least int64      // over all tiers
	Tiers []TierNeed // by FromPair, the first of which is 1; nil: Least for any pair of the referrer
}

// TierNeed is the need as the n-th pair of the referrer, for n from FromPair to the next tier.
type TierNeed struct {
	FromPair int64
	Amount   int64 // minor units
}

// As returns the need as the referrer's n-th pair.
func (n *Need) As(pair int64) int64 {
	amount := n.Least
	for i := range n.Tiers {
		if n.Tiers[i].FromPair <= pair {
			amount = n.Tiers[i].Amount
		}
	}
	return amount
}

// Same reports whether both needs are equal.
func (n *Need) Same(m *Need) bool {
	return n.Least == m.Least && slices.Equal(n.Tiers, m.Tiers)
}

// need returns what the candidate would take of its campaign's budget.
func (c *candidate) need() (Need, error) {
	if c.campaign.Budget == nil {
		return Need{}, nil
	}
	if c.occupying() || !c.revision.Terms.tiered() {
		credits, err := c.credits(max(1, c.ordinal()))
		return Need{Least: c.growth(credits)}, err
	}
	var need Need
	for _, n := range c.revision.Terms.tierStarts() {
		credits, err := c.credits(n)
		if err != nil {
			return Need{}, err
		}
		tier := TierNeed{FromPair: n, Amount: c.growth(credits)}
		if len(need.Tiers) == 0 || tier.Amount < need.Least {
			need.Least = tier.Amount
		}
		need.Tiers = append(need.Tiers, tier)
	}
	return need, nil
}

// tierStarts returns the FromPair of every tier of every reward, ascending and without duplicates.
func (t *Terms) tierStarts() []int64 {
	var starts []int64
	for i := range t.Rewards {
		for _, tier := range t.Rewards[i].Tiers {
			starts = append(starts, tier.FromPair)
		}
	}
	slices.Sort(starts)
	return slices.Compact(starts)
}
