package model

// The state of the model: facts as they were written, the configuration as it was declared, and of
// the past only what the rules keep.

// at is a time on the history's own clock, in microseconds.
type at int64

const hour at = 3_600_000_000

type model struct {
	now    at   // moves with advance
	tick   at   // tells apart what happens at one now
	moment at   // what is written is dated by; zero: by when it is
	done   bool // nothing is decided any more, and reasons of waiting pairs are as of when these were

	facts
	configuration
	outcome

	adjustments map[adjustmentKey]money
	redemptions map[adjustmentKey]money

	// Erasures, and what they leave.
	erasures map[string]bool            // requested of these users, and not carried out
	fixing   map[string]fixed           // by user, while they are carried out
	blanks   map[touchKey]bool          // left of touches
	shared   map[string]map[string]bool // fingerprints, both ways

	// seenBy is what a batch saw of the facts when it decided about a referee; nil: all there are.
	seenBy func(user string) facts
}

// facts are what decisions depend on.
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

// outcome is what was decided.
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
	held     bool // the condition was true before
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
	rollout   *rollout // nil: it reaches no pair of before
}

// rollout is how far a revision has come in reaching pairs of before it: whichever order the engine
// chooses, read from what it recorded.
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
	ordinal            int64 // zero: was never admitted
	state, reason      string
	qualified, matures at
	credits            map[string]credit // by reward

	counted at   // when it got its order
	allowed bool // an Allow stood when it was admitted
	growing bool // admitted, and waits for capacity for more

	// As it was decided last.
	terms      *terms
	net        money
	allowedNow bool // an Allow stands
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
		erasures: map[string]bool{}, fixing: map[string]fixed{}, blanks: map[touchKey]bool{}, shared: map[string]map[string]bool{},
		now: start,
	}
}

// start is when histories begin: late enough for facts from before.
const start = 100*hour + hour/2

// clock is the database's clock. It never returns the same time twice.
func (m *model) clock() at {
	if m.moment != 0 {
		return m.moment
	}
	m.tick++
	return m.now + m.tick
}
