package reward

import "time"

// Referee is what is known of one user: the facts, and what was decided before.
type Referee struct {
	UserID    string
	Signup    *Signup    // nil: none recorded
	Code      *Link      // the link of the signup's typed code; nil: none typed, or unknown
	Touches   []Touch    // of the signup's visitor, in any order
	Purchases []Purchase // in any order

	// ReferrerFingerprints are those of the possible referrers' own signups, by
	// referrer: of the links above and of the recorded attribution.
	ReferrerFingerprints map[string][]string

	Attribution *Attribution // recorded before; nil: none
	Pairs       []Pair       // recorded before, in any order
	Ledger      []LedgerSum  // entered before, in any order
}

// Signup is the fact that a user signed up.
type Signup struct {
	Code         string // that was typed; empty: none
	SignedUpAt   time.Time
	ArrivedAt    time.Time
	Fingerprints []string
	Attributes   []byte   // a JSON object; nil: not loaded, since no condition could ask
	Blanked      bool     // an erasure took attributes, fingerprints and visitor
	SharedWith   []string // users with whom a fingerprint was shared when either was erased
}

// Purchase is one purchase with its refunds and override.
type Purchase struct {
	ID          string
	Amount      int64 // minor units, not below zero
	Refunded    int64 // minor units, the sum of all refunds, at most math.MaxInt64
	Currency    string
	PurchasedAt time.Time
	ArrivedAt   time.Time
	Attributes  []byte // a JSON object; nil: not loaded, since no condition could ask
	Override    Verdict

	Blanked       bool // an erasure took the attributes
	ConditionHeld bool // of a blanked purchase: the condition was true before
}

// Verdict is an override's word on one pair.
type Verdict string

const (
	NoVerdict Verdict = ""
	Allow     Verdict = "Allow" // lifts the check for self-reward
	Deny      Verdict = "Deny"  // reverses and blocks
)

// Link is a shareable link of one referrer in one campaign.
type Link struct {
	Code       string
	Campaign   string
	ReferrerID string
	Label      string
	ExpiresAt  time.Time // binds nobody from then on; zero: never
	DisabledAt time.Time // binds nobody from then on; zero: never
}

// Touch is one arrival through a link; those with an unknown code are left out.
type Touch struct {
	VisitorID string
	TouchID   string
	TouchedAt time.Time
	Link      *Link
}

// Attribution binds a signup to a link.
type Attribution struct {
	Campaign   string
	Code       string
	ReferrerID string
	Label      string    // of the link
	TouchedAt  time.Time // for a typed code, the time of signup
	Source     Source
	VisitorID  string // empty for a typed code
	TouchID    string // empty for a typed code
}

// Source tells what an attribution rests on.
type Source string

const (
	FromCode  Source = "Code"
	FromTouch Source = "Touch"
)

// Pair is what was decided before about one purchase that has counted.
type Pair struct {
	PurchaseID  string
	Campaign    string
	ReferrerID  string
	Revision    int
	State       State
	Reason      Reason
	QualifiedAt time.Time
	MaturesAt   time.Time
	CountedAt   time.Time // when it began to count: with Order
	Order       int64     // its admission order
	Ordinal     int64     // which of its referrer's pairs it was when it was admitted; zero: it never was
	Allowed     bool      // an Allow stood when it was admitted
	Credits     []Credit  // what it earns so far
}
