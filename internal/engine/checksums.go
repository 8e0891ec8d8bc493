package engine

import "github.com/referral-operator/referral-operator/internal/reward"

// attributionRow names the attribution where other rows are named by their purchase, whose id is
// never empty.
const attributionRow = ""

// badChecksum describes a row whose checksum is wrong: the row was altered, or, if unchecked, was
// written without a checksum and is trusted.
type badChecksum struct{ unchecked bool }

// noteChecksum remembers a wrong checksum. Only a resync verifies checksums; other batches trust
// what they read.
func (r *referee) noteChecksum(row string, intact, unchecked bool) {
	if intact || !r.resynced {
		return
	}
	if r.badChecksums == nil {
		r.badChecksums = map[string]badChecksum{}
	}
	r.badChecksums[row] = badChecksum{unchecked: unchecked}
}

// expectCredits remembers the number of credits recorded with a pair.
func (r *referee) expectCredits(purchaseID string, credits int) {
	if !r.resynced || credits < 0 {
		return
	}
	if r.expectedCredits == nil {
		r.expectedCredits = map[string]int{}
	}
	r.expectedCredits[purchaseID] = credits
}

// hasExpectedCredits reports whether the number of credits recorded with a pair is the decided one.
// Only a resync loads these numbers.
func (r *referee) hasExpectedCredits(decision *reward.Decision) bool {
	credits, known := r.expectedCredits[decision.PurchaseID]
	return !known || credits == len(decision.Credits)
}

// altered reports whether a row differs from what the engine wrote.
func (r *referee) altered(row string) bool {
	bad, found := r.badChecksums[row]
	return found && !bad.unchecked
}

// mustRewrite reports whether a row has to be written again even if it says what was decided.
func (r *referee) mustRewrite(row string) bool {
	_, found := r.badChecksums[row]
	return found
}

// markDrift marks a row, or a pair with its credits, that a resync found to differ.
func (r *referee) markDrift(row string) {
	if !r.resynced {
		return
	}
	if r.drift == nil {
		r.drift = map[string]bool{}
	}
	r.drift[row] = true
}
