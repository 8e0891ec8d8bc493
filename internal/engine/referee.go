package engine

import (
	"slices"
	"strings"

	"github.com/referral-operator/referral-operator/internal/reward"
)

// referee is one referee of a batch: what is recorded, and what is decided.
type referee struct {
	reward.Referee
	visitorID           string
	purchases           map[string]*reward.Purchase // by id, made when first asked for
	postponedPairs      map[string]bool             // pairs whose hold's end is not due, by purchase
	waitlistRows        map[string]*waitlistRow     // what the waitlist says of recorded pairs, by purchase
	waitlistWithoutPair map[string]*waitlistRow     // rows of the waitlist without a pair, by purchase; only a resync knows them
	credits             []recordedCredit            // by purchase
	pairAt              map[string]int              // of Pairs by purchase, made when first asked for
	facts               int64                       // digest of the referee's own facts
	via                 int64                       // digest of the link of the typed code, or of the touch that decides
	digest              digest                      // recorded: of what was decided last
	expectedCredits     map[string]int              // how many credits the engine gave each pair, by purchase
	rebuilt             map[string]bool             // pairs that are not recorded as they are here, by purchase; true: not at all
	countedHeld         map[string]bool             // held pairs whose lost credits accounts and counters still have, by purchase
	boundTo             *reward.Pair                // whose attribution is lost
	erases              *erasure                    // the step that the batch does; nil: none

	lostAttribution bool                   // there is no row of it
	resynced        bool                   // by a resync: nobody noted a change, so that any difference is drift
	badChecksums    map[string]badChecksum // seals, by purchase or attributionRow

	drift map[string]bool // what differed, by purchase or attributionRow

	exhausted map[string]bool // campaigns in which claims are expected to wait

	recordedDigest digest // what is recorded of the outcome's
	outcome        reward.Outcome
	entries        []reward.Entry
	cause          error // why nothing could be decided
}

// recordedCredit is a row of referral.credit.
type recordedCredit struct {
	purchaseID, campaign string
	reward.Credit
	intact    bool // false: to be written anew, whatever it says
	unchecked bool // it is only from before there were seals
}

func newReferee(userID string) *referee {
	return &referee{Referee: reward.Referee{UserID: userID}}
}

// pair finds a recorded pair; nil when there is none of that purchase. Pairs are
// only ever appended, so an index of as many is up to date.
func (r *referee) pair(purchaseID string) *reward.Pair {
	const few = 4 // which are found without an index
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

// creditsOf are the recorded credits of one purchase.
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

// sortCredits puts the credits in the order that creditsOf needs.
func (r *referee) sortCredits() {
	slices.SortStableFunc(r.credits, func(a, b recordedCredit) int { return strings.Compare(a.purchaseID, b.purchaseID) })
}

// purchase finds a loaded purchase; nil when there is none of that id.
func (r *referee) purchase(id string) *reward.Purchase {
	if r.purchases == nil {
		r.purchases = make(map[string]*reward.Purchase, len(r.Purchases))
		for i := range r.Purchases {
			r.purchases[r.Purchases[i].ID] = &r.Purchases[i]
		}
	}
	return r.purchases[id]
}

// referrers lists everybody who may turn out to have invited the referee.
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

// setAside gives up on the referee until a fact of theirs changes.
func (r *referee) setAside(cause error) {
	r.cause, r.outcome, r.entries = cause, reward.Outcome{}, nil
}
