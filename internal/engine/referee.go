package engine

import (
	"slices"
	"strings"

	"github.com/referral-operator/referral-operator/internal/reward"
)

// referee is one referee of a batch: what is known of it, what is recorded, and what is decided.
type referee struct {
	reward.Referee
	visitorID              string
	longFingerprints       bool                        // those of the signup are too long to be read
	purchases              map[string]*reward.Purchase // by id; made on first use
	postponedPairs         map[string]bool             // held pairs whose maturity is not due, by purchase
	waitlistRows           map[string]*waitlistRow     // waitlist rows of recorded pairs, by purchase
	waitlistWithoutPair    map[string]*waitlistRow     // waitlist rows without a pair, by purchase; only a resync loads them
	credits                []recordedCredit            // ordered by purchase
	pairAt                 map[string]int              // index in Pairs by purchase; made on first use
	facts                  int64                       // exclusive or of the hashes of the referee's own facts
	via                    int64                       // hash of the link of the typed code, else of the touch that decides
	basis                  basis                       // as recorded with the attribution
	expectedCredits        map[string]int              // number of credits recorded with each pair, by purchase
	rebuilt                map[string]bool             // pairs that were restored and have to be written, by purchase; true: the row is missing
	countedHeld            map[string]bool             // held pairs with lost credits that accounts and counters still include, by purchase
	pairWithoutAttribution *reward.Pair                // admitted pair whose attribution is missing or altered; nil: none
	erases                 *erasure                    // the step of an erasure that the batch does; nil: none

	lostAttribution bool                   // the attribution was restored: it has no row
	resynced        bool                   // found by a resync: every difference is drift
	badChecksums    map[string]badChecksum // rows with a wrong checksum, by purchase or attributionRow

	drift map[string]bool // rows that differed, by purchase or attributionRow

	exhausted map[string]bool // campaigns whose claims are expected to wait

	recordedBasis basis // the hashes that this batch recorded with the attribution
	outcome       reward.Outcome
	entries       []reward.Entry
	foreign       map[string][]foreignEntries // entries that the engine did not make, by purchase
	unfit         error                       // a text of its rows, or fingerprints that it has to be compared by, are too long to be read
	cause         error                       // why the referee could not be decided
}

// recordedCredit is a row of referral.credit.
type recordedCredit struct {
	purchaseID, campaign string
	reward.Credit
	intact    bool // the checksum is right, or was not verified
	unchecked bool // the row was written without a checksum
}

func newReferee(userID string) *referee {
	return &referee{Referee: reward.Referee{UserID: userID}}
}

// pair returns the recorded pair of a purchase, or nil. Pairs are only appended, so an index with
// as many entries is up to date.
func (r *referee) pair(purchaseID string) *reward.Pair {
	const few = 4 // up to this number a search is cheaper than an index
	if len(r.Pairs) <= few {
		for i := range r.Pairs {
			if r.Pairs[i].PurchaseID == purchaseID {
				return &r.Pairs[i]
			}
		}
		return nil
	}
	if r.pairAt == nil {
		r.pairAt = make(map[string]int, len(r.Pairs))
	}
	for i := len(r.pairAt); i < len(r.Pairs); i++ {
		r.pairAt[r.Pairs[i].PurchaseID] = i
	}
	if at, found := r.pairAt[purchaseID]; found {
		return &r.Pairs[at]
	}
	return nil
}

// creditsOf returns the recorded credits of one purchase.
func (r *referee) creditsOf(purchaseID string) []recordedCredit {
	first, found := slices.BinarySearchFunc(r.credits, purchaseID, func(c recordedCredit, id string) int {
		return strings.Compare(c.purchaseID, id)
	})
	if !found {
		return nil
	}
	last := first
	for last < len(r.credits) && r.credits[last].purchaseID == purchaseID {
		last++
	}
	return r.credits[first:last]
}

// sortCredits orders the credits as creditsOf needs them.
func (r *referee) sortCredits() {
	slices.SortStableFunc(r.credits, func(a, b recordedCredit) int { return strings.Compare(a.purchaseID, b.purchaseID) })
}

// purchase returns the loaded purchase of that id, or nil.
func (r *referee) purchase(id string) *reward.Purchase {
	if r.purchases == nil {
		r.purchases = make(map[string]*reward.Purchase, len(r.Purchases))
		for i := range r.Purchases {
			r.purchases[r.Purchases[i].ID] = &r.Purchases[i]
		}
	}
	return r.purchases[id]
}

// possibleReferrers lists the referrers of the recorded attribution and of the links that may
// attribute the signup.
func (r *referee) possibleReferrers() []string {
	var ids []string
	if r.Attribution != nil {
		ids = append(ids, r.Attribution.ReferrerID)
	}
	if r.Code != nil {
		ids = append(ids, r.Code.ReferrerID)
	}
	for _, touch := range r.Touches {
		ids = append(ids, touch.Link.ReferrerID)
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// setAside drops what was decided. The referee is retried later.
func (r *referee) setAside(cause error) {
	r.cause, r.outcome, r.entries = cause, reward.Outcome{}, nil
}
