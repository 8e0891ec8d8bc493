package engine

import "github.com/referral-operator/referral-operator/internal/reward"

// attributionRow stands for the attribution where others are named by their
// purchase, whose id is never empty.
const attributionRow = ""

// broken is a seal that does not fit its row: somebody altered the row, or it
// is from before there were seals and is believed.
type broken struct{ old bool }

// seal remembers a seal that does not fit. Ordinary batches believe what they
// read: looking for damage is a resync's work.
func (r *referee) seal(row string, sealed, old bool) {
	if sealed || !r.watched {
		return
	}
	if r.broken == nil {
		r.broken = map[string]broken{}
	}
	r.broken[row] = broken{old: old}
}

// expect remembers how many credits the engine gave a pair.
func (r *referee) expect(purchaseID string, credits int) {
	if !r.watched || credits < 0 {
		return
	}
	if r.expected == nil {
		r.expected = map[string]int{}
	}
	r.expected[purchaseID] = credits
}

// expects reports whether a pair's row says how many credits were decided, as far as a resync looks
// at it.
func (r *referee) expects(decision *reward.Decision) bool {
	credits, known := r.expected[decision.PurchaseID]
	return !known || credits == len(decision.Credits)
}

// altered tells whether a row does not say what the engine wrote.
func (r *referee) altered(row string) bool {
	seal, is := r.broken[row]
	return is && !seal.old
}

// unsealed tells whether a row has to be written anew, whatever it says.
func (r *referee) unsealed(row string) bool {
	_, is := r.broken[row]
	return is
}

// drifted counts a row, or a pair with what it earns, that a resync finds to
// differ.
func (r *referee) drifted(row string) {
	if !r.watched {
		return
	}
	if r.drift == nil {
		r.drift = map[string]bool{}
	}
	r.drift[row] = true
}
