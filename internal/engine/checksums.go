package engine

import "github.com/referral-operator/referral-operator/internal/reward"

// attributionRow stands for the attribution where others are named by their
// purchase, whose id is never empty.
const attributionRow = ""

// broken is a seal that does not fit its row: somebody altered the row, or it
// is from before there were seals and is believed.
type badChecksum struct{ unchecked bool }

// seal remembers a seal that does not fit. Ordinary batches believe what they
// read: looking for damage is a resync's work.
func (r *referee) noteChecksum(row string, sealed, old bool) {
	if sealed || !r.resynced {
		return
	}
	if r.badChecksums == nil {
		r.badChecksums = map[string]badChecksum{}
	}
	r.badChecksums[row] = badChecksum{unchecked: old}
}

// expect remembers how many credits the engine gave a pair.
func (r *referee) expectCredits(purchaseID string, credits int) {
	if !r.resynced || credits < 0 {
		return
	}
	if r.expectedCredits == nil {
		r.expectedCredits = map[string]int{}
	}
	r.expectedCredits[purchaseID] = credits
}

// expects reports whether a pair's row says how many credits were decided, as far as a resync looks
// at it.
func (r *referee) hasExpectedCredits(decision *reward.Decision) bool {
	credits, known := r.expectedCredits[decision.PurchaseID]
	return !known || credits == len(decision.Credits)
}

// altered tells whether a row does not say what the engine wrote.
func (r *referee) altered(row string) bool {
	seal, is := r.badChecksums[row]
	return is && !seal.unchecked
}

// unsealed tells whether a row has to be written anew, whatever it says.
func (r *referee) mustRewrite(row string) bool {
	_, is := r.badChecksums[row]
	return is
}

// drifted counts a row, or a pair with what it earns, that a resync finds to
// differ.
func (r *referee) markDrift(row string) {
	if !r.resynced {
		return
	}
	if r.drift == nil {
		r.drift = map[string]bool{}
	}
	r.drift[row] = true
}
