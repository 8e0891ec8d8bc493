package reward

import "time"

// Configuration is everything declared that a decision may depend on.
type Configuration struct {
	Attribution AttributionModel
	Campaigns   map[string]*Campaign // by name
}

// AttributionModel says which touch attributes a signup.
type AttributionModel string

const (
	LastTouch  AttributionModel = "LastTouch"
	FirstTouch AttributionModel = "FirstTouch"
)

// Campaign is one declared campaign with every revision of its terms.
type Campaign struct {
	Name              string
	Mode              Mode
	StartsAt          time.Time // inclusive bound of signup times; zero: none
	EndsAt            time.Time // exclusive bound of signup times; zero: none
	AttributionWindow time.Duration
	Budget            *Money     // the most that held and granted pairs may earn; nil: no limit
	PairsPerReferrer  int64      // the cap: pairs of one referrer that are Held or Granted at a time; zero: no limit
	Waits             bool       // pairs waited in it when the configuration was loaded
	Edit              int64      // number of its last edit that decisions depend on
	Revisions         []Revision // by Number, ascending and distinct; at least one
}

// Mode says what a campaign does now.
type Mode string

const (
	Open          Mode = "Open"          // attributes signups, admits pairs
	Suspended     Mode = "Suspended"     // its pairs stay as they are; new ones join the waitlist
	PolicyMissing Mode = "PolicyMissing" // admitted pairs live on; new ones join the waitlist
	Closed        Mode = "Closed"        // deleted: admitted pairs live on, waiting ones wait; attributes and admits nothing
	Reversing     Mode = "Reversing"     // deleted: all credit is taken back
)

// Revision is one recorded version of a campaign's terms.
type Revision struct {
	Number     int
	RecordedAt time.Time
	Scope      RevisionScope
	Terms      Terms
	Withdraws  bool     // it withdraws the revision before it
	Rollout    *Rollout // how far it has come in reaching pairs from before it; nil: it reaches none
}

// Rollout says whose pairs from before a revision the revision reaches so far.
type Rollout struct {
	Reached string // pairs of referees up to this user id
	All     bool   // pairs of all referees
}

// RevisionScope says which pairs from before a revision the revision reaches.
type RevisionScope string

const (
	NewPairs  RevisionScope = "NewPairs"  // pairs that arrived later and are not admitted
	HeldPairs RevisionScope = "HeldPairs" // also waiting pairs, and pairs that mature later
	AllPairs  RevisionScope = "AllPairs"  // all pairs
)
