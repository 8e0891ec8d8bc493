package engine

import "github.com/referral-operator/referral-operator/internal/reward"

// digest is what a decision about a referee rested on. It is recorded with the
// attribution, so that a resync sees that facts were changed without deciding
// anything; see the comments of its columns in referral.attribution.
type digest struct {
	facts int64
	via   *int64
	pairs int32
	known bool
}

func readDigest(facts, via *int64, pairs *int32) digest {
	if facts == nil || pairs == nil {
		return digest{}
	}
	return digest{facts: *facts, via: via, pairs: *pairs, known: true}
}

// is tells whether what is recorded is what a decision rests on now.
func (d *digest) is(now digest) bool {
	return d.known && d.facts == now.facts && d.pairs == now.pairs && sameNeeds(d.via, now.via)
}

// restsOn digests what the outcome rests on, and counts the pairs there will be.
// As long as claims are open, who waits is expected to go on waiting and who is
// new to be admitted.
func (r *referee) restsOn(config *reward.Configuration) digest {
	now := digest{facts: r.facts, pairs: int32(len(r.Pairs)), known: true}
	bound := config.Bound(r.Pairs)
	for i := range r.outcome.Decisions {
		decision := &r.outcome.Decisions[i]
		before := r.pair(decision.PurchaseID)
		open := decision.State == ""
		bound = bound || occupies(decision.State) || open && (before == nil || before.State != reward.Waiting)
		if decision.State != reward.NotCounting && before == nil {
			now.pairs++
		}
	}
	if !bound && !r.fixed() {
		now.via = &r.via
	}
	return now
}

// compareDigest adds the digest of a referee whose claims turned out otherwise
// than was expected.
func (d *differences) compareDigest(r *referee, rests digest) {
	if r.outcome.Attribution != nil && !r.rests.is(rests) {
		d.digests.add(r.UserID, rests)
	}
}

// digestColumns are digests to record where nothing else of the row differs.
type digestColumns struct {
	userID []string
	facts  []int64
	via    []*int64
	pairs  []int32
}

func (c *digestColumns) add(userID string, d digest) {
	c.userID = append(c.userID, userID)
	c.facts = append(c.facts, d.facts)
	c.via = append(c.via, d.via)
	c.pairs = append(c.pairs, d.pairs)
}
