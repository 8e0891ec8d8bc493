package engine

import "github.com/referral-operator/referral-operator/internal/reward"

// pairCount is by how much a campaign's counters change.
type pairCount struct {
	awaitingPurchase, waiting, held, granted, reversed, revised, conditionErrors int64
}

// countsOf returns the changes of a campaign's counters.
func (d *differences) countsOf(campaign string) *pairCount {
	c := d.pairCounts[campaign]
	if c == nil {
		if d.pairCounts == nil {
			d.pairCounts = map[string]*pairCount{}
		}
		c = &pairCount{}
		d.pairCounts[campaign] = c
	}
	return c
}

// add changes the counter of one state.
func (c *pairCount) add(state reward.State, by int64) {
	switch state {
	case reward.Waiting:
		c.waiting += by
	case reward.Held:
		c.held += by
	case reward.Granted:
		c.granted += by
	case reward.Reversed:
		c.reversed += by
	case reward.NotCounting: // is not recorded
	}
}

// countAwaiting counts a referee that is attributed and has no pair; known is its number of pairs
// after the batch.
func (d *differences) countAwaiting(r *referee, known int) {
	was, is := "", ""
	if r.Attribution != nil && len(r.Pairs) == 0 {
		was = r.Attribution.Campaign
	}
	if r.outcome.Attribution != nil && known == 0 {
		is = r.outcome.Attribution.Campaign
	}
	if was == is {
		return
	}
	if was != "" {
		d.countsOf(was).awaitingPurchase--
	}
	if is != "" {
		d.countsOf(is).awaitingPurchase++
	}
}
