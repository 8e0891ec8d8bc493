package engine

import "github.com/referral-operator/referral-operator/internal/reward"

// digest has the hashes of what a decision about a referee rested on, and the number of its pairs:
// facts is of its own facts and of sharedFingerprint, via of the link of the typed code, else of the
// touch that decides. They are recorded with the attribution, so that a resync notices changed facts
// without deciding anything; see the comments of the columns in referral.attribution.
type digest struct {
	facts    int64
	via      *int64
	pairs    int32
	recorded bool
}

// sharedFingerprint is part of digest.facts if the referee shares a fingerprint with its referrer.
// resync_find.sql has the same number.
const sharedFingerprint = 1

func readDigest(facts, via *int64, pairs *int32) digest {
	if facts == nil || pairs == nil {
		return digest{}
	}
	return digest{facts: *facts, via: via, pairs: *pairs, recorded: true}
}

// same reports whether the recorded hashes and number equal the given ones.
func (d *digest) same(now digest) bool {
	return d.recorded && d.facts == now.facts && d.pairs == now.pairs && sameVia(d.via, now.via)
}

// currentDigest returns the hashes of what the outcome rests on, with the number of pairs after it.
func (r *referee) currentDigest(config *reward.Configuration) digest {
	now := digest{facts: r.facts, pairs: int32(len(r.Pairs)), recorded: true}
	for i := range r.outcome.Decisions {
		decision := &r.outcome.Decisions[i]
		if decision.State != reward.NotCounting && r.pair(decision.PurchaseID) == nil {
			now.pairs++
		}
	}
	if a := r.outcome.Attribution; a != nil && r.SharesFingerprint(a.ReferrerID) {
		now.facts ^= sharedFingerprint
	}
	if !config.KeepsAttribution(r.pairsAfter()) && !r.fixed() {
		now.via = &r.via
	}
	return now
}

// pairsAfter returns the referee's pairs after the batch, as far as they decide whether its
// attribution is fixed. As long as claims are open, a waiting pair is expected to go on waiting,
// and any other pair to be admitted unless its campaign is exhausted.
func (r *referee) pairsAfter() []reward.Pair {
	pairs := make([]reward.Pair, 0, len(r.Pairs)+len(r.outcome.Decisions))
	decided := make(map[string]bool, len(r.outcome.Decisions))
	for i := range r.outcome.Decisions {
		decision := &r.outcome.Decisions[i]
		decided[decision.PurchaseID] = true
		after := reward.Pair{Campaign: decision.Campaign, State: decision.State, Ordinal: decision.Ordinal}
		if after.State == "" {
			after.State = reward.Granted
			before := r.pair(decision.PurchaseID)
			if before != nil && before.State == reward.Waiting || (before == nil || !before.State.Occupies()) && r.exhausted[decision.Campaign] {
				after.State = reward.Waiting
			}
		}
		pairs = append(pairs, after)
	}
	for i := range r.Pairs {
		if !decided[r.Pairs[i].PurchaseID] {
			pairs = append(pairs, r.Pairs[i])
		}
	}
	return pairs
}

// compareDigest adds the hashes of a referee whose claims ended otherwise than was expected.
func (d *differences) compareDigest(r *referee, rests digest) {
	if r.outcome.Attribution != nil && !r.recordedDigest.same(rests) {
		d.digests.add(r.UserID, rests)
	}
}

func sameVia(a, b *int64) bool {
	return a == nil && b == nil || a != nil && b != nil && *a == *b
}

// digestColumns are hashes and numbers to record where nothing else of the row differs.
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
