package reward

import "time"

// Referee is what is known of one user: the facts, and what was decided before.
type Referee struct {
	UserID    string
	Signup    *Signup    // nil: none recorded
	Code      *Link      // the link of the signup's typed code; nil: no code was typed, or it names no link
	Touches   []Touch    // of the signup's visitor, in any order
	Purchases []Purchase // in any order

	// ReferrerFingerprints has, by referrer, the fingerprints of the referrers' own signups. It
	// covers the referrers of the links above and of the recorded attribution.
	ReferrerFingerprints map[string][]string

	Attribution *Attribution // recorded before; nil: none
	Pairs       []Pair       // recorded before, in any order
	Ledger      []LedgerSum  // entered before, in any order
}

// Signup is the fact that a user signed up.
type Signup struct {
	Code         string // as typed; empty: none
	SignedUpAt   time.Time
	ArrivedAt    time.Time
	Fingerprints []string
	Attributes   []byte   // a JSON object; nil: not loaded, because no condition reads them
	Blanked      bool     // an erasure took attributes, fingerprints and visitor
	SharedWith   []string // users who shared a fingerprint with this user when either was erased
}

// Purchase is one purchase with its refunds and override.
type Purchase struct {
	ID          string
	Amount      int64 // minor units, not below zero
	Refunded    int64 // minor units, the sum of all refunds, at most math.MaxInt64
	Currency    string
	PurchasedAt time.Time
	ArrivedAt   time.Time
	Attributes  []byte // a JSON object; nil: not loaded, because no condition reads them
	Override    Verdict

	Blanked       bool // an erasure took the attributes
	ConditionHeld bool // the condition of a blanked purchase was true before the erasure
}

// Verdict is what an override says about one pair.
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
	ExpiresAt  *time.Time // from then on touches and typed codes attribute nothing; nil: never
	DisabledAt *time.Time // from then on touches and typed codes attribute nothing; nil: not disabled
}

// Touch is one visit through a link. Touches whose code names no link are not loaded.
type Touch struct {
	VisitorID string
	TouchID   string
	TouchedAt time.Time
	Link      *Link
}

// Attribution is the link, and so referrer and campaign, that a signup belongs to.
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

// Source says whether a typed code or a touch attributed a signup.
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
	Ordinal     int64     // which of its referrer's pairs it was when it was admitted; zero: it was never admitted
	Allowed     bool      // an Allow stood when it was admitted
	Credits     []Credit  // what it earns so far
}
