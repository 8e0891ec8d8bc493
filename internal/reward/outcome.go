package reward

import (
	"slices"
	"time"
)

// Outcome is what Decide decides about one referee.
type Outcome struct {
	Attribution *Attribution // nil: not attributed; the recorded one itself where it stays

	// Decisions has one decision per known purchase and recorded pair, by purchase id. Only pairs
	// of a suspended campaign have none: they stay as they are recorded.
	Decisions []Decision

	// Deferred lists, by name, the campaigns that are not open and under which something remains to
	// be decided once they are.
	Deferred []string

	// ConditionErrors counts, by campaign, the conditions that ended in an error.
	ConditionErrors map[string]int64

	// Claims has one claim for each of the Decisions that depends on a campaign's capacity.
	// Allocate completes these decisions.
	Claims []Claim
}

// deferTo adds a campaign under which something remains to be decided.
func (o *Outcome) deferTo(campaign string) {
	if at, found := slices.BinarySearch(o.Deferred, campaign); !found {
		o.Deferred = slices.Insert(o.Deferred, at, campaign)
	}
}

// linkClaims points each claim to its decision. Decisions must not be appended afterwards.
func (o *Outcome) linkClaims() {
	at := 0
	for i := range o.Decisions {
		if at < len(o.Claims) && o.Claims[at].candidate.id() == o.Decisions[i].PurchaseID {
			o.Claims[at].Decision = &o.Decisions[i]
			at++
		}
	}
}

// Decision is the state and reason of one pair, and the credits that it earns.
type Decision struct {
	PurchaseID  string
	Campaign    string // of the attribution it was decided under; empty with NotAttributed
	ReferrerID  string
	Revision    int
	State       State
	Reason      Reason
	QualifiedAt time.Time // the later of signup and purchase
	MaturesAt   time.Time
	Order       int64    // its admission order; zero: it is assigned when the pair is recorded
	Ordinal     int64    // which of its referrer's pairs it is; zero: it is not admitted, or the ordinal is assigned when it is recorded
	Allowed     bool     // an Allow applied when it was admitted
	Need        *Need    // nil: it is not on the waitlist
	Credits     []Credit // by reward; empty unless Held or Granted
}

// Credit is what one reward of a pair earns. Its amount is above zero.
type Credit struct {
	Reward        string
	BeneficiaryID string
	Money
}

// State is the state of a pair. Every state but NotCounting is recorded.
type State string

const (
	NotCounting State = "NotCounting" // has never counted
	Held        State = "Held"        // counts; granted when its hold ends
	Granted     State = "Granted"     // counts and is credited
	Waiting     State = "Waiting"     // counts, and is not admitted: no capacity, or the campaign is not open
	Reversed    State = "Reversed"    // has counted and no longer does
)

// Reason says why a pair is in its state. If several reasons apply it is the first in the order
// below.
type Reason string

const (
	CampaignDeleted   Reason = "CampaignDeleted"
	PurchaseRemoved   Reason = "PurchaseRemoved" // or its signup
	NotAttributed     Reason = "NotAttributed"
	OutsideCampaign   Reason = "OutsideCampaign"
	OutsideWindow     Reason = "OutsideWindow"
	Refunded          Reason = "Refunded"
	CurrencyMismatch  Reason = "CurrencyMismatch"
	BelowMinimum      Reason = "BelowMinimum"
	ConditionFalse    Reason = "ConditionFalse"
	SelfReferral      Reason = "SelfReferral"
	SharedFingerprint Reason = "SharedFingerprint"
	NotFirstPurchase  Reason = "NotFirstPurchase"
	Overridden        Reason = "Overridden"
	CapReached        Reason = "CapReached"
	BudgetExhausted   Reason = "BudgetExhausted"
	HoldPeriod        Reason = "HoldPeriod"
	Qualified         Reason = "Qualified"
)

// Reasons returns every reason that a pair may have, in the order of the closed list.
func Reasons() []Reason { return slices.Clone(reasonOrder) }

var reasonOrder = []Reason{
	CampaignDeleted, PurchaseRemoved, NotAttributed, OutsideCampaign, OutsideWindow, Refunded, CurrencyMismatch, BelowMinimum,
	ConditionFalse, SelfReferral, SharedFingerprint, NotFirstPurchase, Overridden, CapReached, BudgetExhausted, HoldPeriod, Qualified,
}
