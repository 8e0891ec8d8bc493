package engine

import "github.com/referral-operator/referral-operator/internal/reward"

// basis has the hashes of what a decision about a referee rests on, and the number of its pairs:
// facts is of its own facts and of sharedFingerprint, via of the link of the typed code, else of
// the touch that decides. They are recorded with the attribution, so that a resync notices changed
// facts without deciding anything; see the comments of the columns in referral.attribution.
type basis struct {
	facts    int64
	via      *int64
	pairs    int32
	recorded bool
}

// sharedFingerprint is part of basis.facts if the referee shares a fingerprint with its referrer.
// resync_find.sql has the same number.
const sharedFingerprint = 1

func readBasis(facts, via *int64, pairs *int32) basis {
	if facts == nil || pairs == nil {
		return basis{}
	}
	return basis{facts: *facts, via: via, pairs: *pairs, recorded: true}
}

// knownFacts returns the hash of the referee's own facts; nil: it is not known.
func (b *basis) knownFacts() *int64 {
	if !b.recorded {
		return nil
	}
	return new(b.facts)
}

// same reports whether the recorded hashes and number equal the given ones.
func (b *basis) same(now basis) bool {
	return b.recorded && b.facts == now.facts && b.pairs == now.pairs && sameVia(b.via, now.via)
}

// currentBasis returns the hashes of what the outcome rests on, with the number of pairs after it.
func (r *referee) currentBasis(config *reward.Configuration) basis {
	now := basis{facts: r.facts, pairs: int32(len(r.Pairs)), recorded: true}
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

// compareBasis adds the hashes of a referee whose claims ended otherwise than was expected.
func (d *differences) compareBasis(r *referee, current basis) {
	if r.outcome.Attribution != nil && !r.recordedBasis.same(current) {
		d.basis.add(r.UserID, current)
	}
}

func sameVia(a, b *int64) bool {
	return a == nil && b == nil || a != nil && b != nil && *a == *b
}

// basisColumns are hashes and numbers to record where nothing else of the row differs.
type basisColumns struct {
	userID []string
	facts  []int64
	via    []*int64
	pairs  []int32
}

func (c *basisColumns) add(userID string, d basis) {
	c.userID = append(c.userID, userID)
	c.facts = append(c.facts, d.facts)
	c.via = append(c.via, d.via)
	c.pairs = append(c.pairs, d.pairs)
}
