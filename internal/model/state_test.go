package model

// The state of the model: the facts as written, the configuration as declared, and the results that
// the rules keep.

// at is a time on the history's clock in microseconds.
type at int64

const hour at = 3_600_000_000

type model struct {
	now     at   // moves with advance
	tick    at   // orders events of the same now
	moment  at   // time of arrival of written facts; zero: now
	done    bool // the engine is done: reasons of waiting pairs are those of their last decision
	resyncs bool // a resync may have decided, beside changes

	facts
	configuration
	outcome

	adjustments map[adjustmentKey]money
	redemptions map[adjustmentKey]money

	// Erasures and their traces.
	erasures  map[string]*erasing        // by user, requested and not completed
	locked    locks                      // a writer's, which an erasure skips
	fixing    map[string]fixed           // by user, while an erasure is carried out
	forgotten map[purchaseKey]*verdict   // of purchases that are being blanked, as they were
	blanks    map[touchKey]at            // keys of moved touches, and when they were moved
	shared    map[string]map[string]bool // users with a common fingerprint, in both directions

	failed map[string]bool // campaigns of which a condition has ended in an error

	// seenBy returns the facts that a batch read for a referee; nil: the present ones.
	seenBy func(user string) facts
}

// facts are the rows that the application writes.
type facts struct {
	links     map[string]link // by code
	touches   map[touchKey]touch
	signups   map[string]signup // by user
	purchases map[purchaseKey]purchase
	refunds   map[refundKey]int64
	overrides map[purchaseKey]string // Allow or Deny
}

type configuration struct {
	firstTouch bool // else the last touch attributes
	suspended  bool // the whole database
	campaigns  map[string]*campaign
}

// outcome is the result of all decisions.
type outcome struct {
	attributions map[string]attribution // by user
	pairs        map[purchaseKey]*pair
	lastOrder    int64           // the highest admission order drawn so far
	setAside     map[string]bool // users
	losses
}

type (
	touchKey      struct{ visitor, id string }
	purchaseKey   struct{ user, id string }
	refundKey     struct{ user, purchase, id string }
	adjustmentKey struct{ beneficiary, id string }
)

type money struct {
	amount   int64 // minor units
	currency string
}

type link struct {
	campaign, referrer, label string
	expires, disabled         at // zero: never
}

type touch struct {
	code string // normal
	at   at
}

type signup struct {
	visitor, code string // the code is normal; empty: none
	at            at
	prints        []string
	vip           bool // an attribute
	arrived       at

	blanked bool // by an erasure
}

type purchase struct {
	money
	at       at
	category string // an attribute; empty: it has none
	arrived  at
	blanked  bool // by an erasure
	held     bool // the condition was true when the purchase was blanked
}

type campaign struct {
	mode         string
	starts, ends at // zero: no bound
	window       at
	budget       int64 // zero: no limit
	currency     string
	cap          int64 // pairs per referrer; zero: no limit
	revisions    []revision
}

// Modes of a campaign.
const (
	open          = "Open"
	suspended     = "Suspended"
	policyMissing = "PolicyMissing"
	closed        = "Closed"
	reversing     = "Reversing"
)

type revision struct {
	terms     terms
	scope     string
	recorded  at
	withdraws int      // the number of the revision that it withdraws; zero: none
	rollout   *rollout // nil: the revision reaches no earlier pair
}

// rollout is the progress of a revision through earlier pairs. The engine chooses the order; the
// model reads the progress from what the engine recorded.
type rollout struct {
	reached string // user
	all     bool
}

type attribution struct {
	campaign, code, referrer, label string
	touched                         at
	source                          string // Code or Touch
	visitor, touch                  string
}

type pair struct {
	campaign, referrer string
	revision           int
	order              int64
	ordinal            int64 // zero: never admitted
	state, reason      string
	qualified, matures at
	credits            map[string]credit // by reward

	counted at   // when the pair got its admission order
	allowed bool // an Allow was in force at admission
	growing bool // admitted, and waits for capacity to grow

	// As of the last decision.
	terms      *terms
	net        money
	allowedNow bool // an Allow is in force
}

type credit struct {
	beneficiary string
	money
}

// occupies reports whether the pair takes capacity: Held and Granted pairs do, Waiting and Reversed
// ones do not (rule 9).
func (p *pair) occupies() bool { return p != nil && (p.state == "Held" || p.state == "Granted") }

// admitted reports whether the pair has ever been Held or Granted.
func (p *pair) admitted() bool { return p != nil && p.ordinal > 0 }

func newModel() *model {
	return &model{
		facts: facts{
			links: map[string]link{}, touches: map[touchKey]touch{}, signups: map[string]signup{},
			purchases: map[purchaseKey]purchase{}, refunds: map[refundKey]int64{}, overrides: map[purchaseKey]string{},
		},
		configuration: configuration{campaigns: map[string]*campaign{}},
		outcome:       outcome{attributions: map[string]attribution{}, pairs: map[purchaseKey]*pair{}, setAside: map[string]bool{}, losses: newLosses()},
		adjustments:   map[adjustmentKey]money{}, redemptions: map[adjustmentKey]money{},
		erasures: map[string]*erasing{}, fixing: map[string]fixed{}, forgotten: map[purchaseKey]*verdict{}, blanks: map[touchKey]at{}, shared: map[string]map[string]bool{}, failed: map[string]bool{},
		now: start,
	}
}

// start is the time at which histories begin. Facts may be earlier.
const start = 100*hour + hour/2

// clock returns the time of the database's clock, which is never the same twice.
func (m *model) clock() at {
	if m.moment != 0 {
		return m.moment
	}
	m.tick++
	return m.now + m.tick
}
