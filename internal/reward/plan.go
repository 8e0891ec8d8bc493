package reward

import (
	"cmp"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"time"
)

// Effects is how much a plan moves in one currency, in minor units; FormatSum formats them. What
// pairs gain and what pairs lose are added up apart, so that one does not hide the other. No sum is
// nil or below zero.
type Effects struct {
	Currency    string
	GrantedUp   *big.Int // added to the ledger
	GrantedDown *big.Int // taken from the ledger
	HeldUp      *big.Int // added to held credit
	HeldDown    *big.Int // taken from held credit, also because it is granted
}

// Forward is what the pairs of the last 30 days earn in one currency, in minor units, whatever the
// scope of the edit: Held and Granted alike.
type Forward struct {
	Currency string
	InForce  *big.Int // under the terms in force
	Proposed *big.Int // under the proposed terms
}

// PlanPairs counts pairs of the campaign by what a plan does with them. A pair whose state or
// credits change is counted by the state that it gets.
type PlanPairs struct {
	Granted, Reversed, Held, Waiting int64
	Unchanged                        int64 // including purchases that do not count
}

// ReasonCount is the number of the campaign's pairs that do not earn under a plan, for one reason.
type ReasonCount struct {
	Reason Reason
	Pairs  int64
}

// Difference is how much a plan changes what one beneficiary earns in one currency, Held and
// Granted alike.
type Difference struct {
	BeneficiaryID string
	Currency      string
	Change        *big.Int // minor units, not zero
}

// Bounds of the memory for the largest differences: how many there are, and the bytes of their
// texts. Beyond them those that are smallest so far are forgotten.
const (
	mostBeneficiaries = 20_000
	mostTextBytes     = 4 << 20
)

// Tally adds up what a plan does.
type Tally struct {
	campaign string
	effects  map[string]*Effects // by currency
	forward  map[string]*Forward // by currency
	pairs    PlanPairs
	reasons  map[Reason]int64
	largest  map[beneficiaryAccount]*big.Int // nil: not wanted
	bytes    int                             // of the texts of largest
}

// beneficiaryAccount identifies the account of one beneficiary in one currency.
type beneficiaryAccount struct{ beneficiaryID, currency string }

// NewTally returns the tally of a plan for a campaign. Differences per beneficiary are only added
// up if they are wanted.
func NewTally(campaign string, differences bool) *Tally {
	t := &Tally{campaign: campaign, effects: map[string]*Effects{}, forward: map[string]*Forward{}, reasons: map[Reason]int64{}}
	if differences {
		t.largest = map[beneficiaryAccount]*big.Int{}
	}
	return t
}

// AddPair adds the completed decision about one purchase of a referee. before is its recorded pair,
// or nil, and sums are its ledger sums. An error means that the decision cannot be settled.
func (t *Tally) AddPair(before *Pair, decision *Decision, sums []LedgerSum) error {
	entries, err := Settle([]Decision{*decision}, sums)
	if err != nil {
		return err
	}
	for i := range entries {
		e := &entries[i]
		t.addEffect(e.BeneficiaryID, e.Currency, e.Amount, 0)
	}
	held := heldChanges(before, decision)
	for _, change := range held {
		t.addEffect(change.BeneficiaryID, change.Currency, 0, change.Amount)
	}
	if t.forgetSmallest(); decision.Campaign != t.campaign && (before == nil || before.Campaign != t.campaign) {
		return nil
	}
	if decision.State != NotCounting && (before == nil || before.State != decision.State || len(entries) > 0 || len(held) > 0) {
		t.pairs.add(decision.State)
	} else {
		t.pairs.Unchanged++
	}
	if !decision.State.Occupies() && slices.Contains(reasonOrder, decision.Reason) { // a recorded reason may be anything
		t.reasons[decision.Reason]++
	}
	return nil
}

func (p *PlanPairs) add(state State) {
	switch state {
	case Granted:
		p.Granted++
	case Held:
		p.Held++
	case Waiting:
		p.Waiting++
	case Reversed:
		p.Reversed++
	case NotCounting:
	}
}

// heldChanges returns by how much the held credits of a pair change.
func heldChanges(before *Pair, decision *Decision) []Credit {
	var changes []Credit
	add := func(credits []Credit, sign int64) {
		for _, c := range credits {
			at := slices.IndexFunc(changes, func(d Credit) bool {
				return d.Reward == c.Reward && d.BeneficiaryID == c.BeneficiaryID && d.Currency == c.Currency
			})
			if c.Amount *= sign; at < 0 {
				changes = append(changes, c)
			} else {
				changes[at].Amount += c.Amount
			}
		}
	}
	if decision.State == Held {
		add(decision.Credits, +1)
	}
	if before != nil && before.State == Held {
		add(before.Credits, -1)
	}
	return slices.DeleteFunc(changes, func(c Credit) bool { return c.Amount == 0 })
}

// addEffect adds by how much the ledger and the held credits of a beneficiary change.
func (t *Tally) addEffect(beneficiaryID, currency string, granted, held int64) {
	e := t.effects[currency]
	if e == nil {
		e = &Effects{Currency: currency, GrantedUp: new(big.Int), GrantedDown: new(big.Int), HeldUp: new(big.Int), HeldDown: new(big.Int)}
		t.effects[currency] = e
	}
	addApart(e.GrantedUp, e.GrantedDown, granted)
	addApart(e.HeldUp, e.HeldDown, held)
	if t.largest == nil {
		return
	}
	key := beneficiaryAccount{beneficiaryID, currency}
	if t.largest[key] == nil {
		t.largest[key] = new(big.Int)
		t.bytes += len(beneficiaryID) + len(currency)
	}
	t.largest[key].Add(t.largest[key], big.NewInt(granted))
	t.largest[key].Add(t.largest[key], big.NewInt(held))
}

// addApart adds a change to the sum of what is gained, or to the sum of what is lost.
func addApart(up, down *big.Int, change int64) {
	if change > 0 {
		up.Add(up, big.NewInt(change))
	} else {
		down.Sub(down, big.NewInt(change))
	}
}

// forgetSmallest forgets the smaller half of the differences once there are too many.
func (t *Tally) forgetSmallest() {
	if len(t.largest) <= mostBeneficiaries && t.bytes <= mostTextBytes {
		return
	}
	largest := t.Largest(len(t.largest) / 2)
	clear(t.largest)
	t.bytes = 0
	for _, d := range largest {
		t.largest[beneficiaryAccount{d.BeneficiaryID, d.Currency}] = d.Change
		t.bytes += len(d.BeneficiaryID) + len(d.Currency)
	}
}

// AddForward adds what the purchases of a referee that arrived after since earn as new pairs, under
// the newest terms in force and under the newest proposed terms. Capacity is not considered, nor
// that a campaign is suspended. attribution is the one that was decided under the proposed
// configuration.
func (t *Tally) AddForward(inForce, proposed *Configuration, referee *Referee, attribution *Attribution, since time.Time) error {
	if err := proposed.earnsAnew(t.campaign, referee, attribution, since, func(m Money) {
		t.forwardIn(m.Currency).Proposed.Add(t.forwardIn(m.Currency).Proposed, big.NewInt(m.Amount))
	}); err != nil {
		return err
	}
	was := referee.Attribution
	if was == nil && attribution != nil {
		was, _ = attribute(inForce, referee) // its facts are not decided yet
	}
	return inForce.earnsAnew(t.campaign, referee, was, since, func(m Money) {
		t.forwardIn(m.Currency).InForce.Add(t.forwardIn(m.Currency).InForce, big.NewInt(m.Amount))
	})
}

func (t *Tally) forwardIn(currency string) *Forward {
	if t.forward[currency] == nil {
		t.forward[currency] = &Forward{Currency: currency, InForce: new(big.Int), Proposed: new(big.Int)}
	}
	return t.forward[currency]
}

// earnsAnew calls add with each credit that the purchases of a referee that arrived after since
// earn in the campaign, as new pairs of its newest revision.
func (c *Configuration) earnsAnew(name string, referee *Referee, attribution *Attribution, since time.Time, add func(Money)) error {
	campaign := c.Campaigns[name]
	if campaign == nil || attribution == nil || attribution.Campaign != name || referee.Signup == nil ||
		campaign.Mode == Closed || campaign.Mode == Reversing || len(campaign.Revisions) == 0 {
		return nil
	}
	recent := func(p *Purchase) bool { return later(referee.Signup.ArrivedAt, p.ArrivedAt).After(since) }
	if !slices.ContainsFunc(referee.Purchases, func(p Purchase) bool { return recent(&p) }) {
		return nil
	}
	newest := *campaign
	newest.Mode, newest.Revisions = Open, campaign.Revisions[len(campaign.Revisions)-1:]
	anew := *referee
	anew.Pairs, anew.Ledger = nil, nil
	config := &Configuration{Attribution: c.Attribution, Campaigns: map[string]*Campaign{name: &newest}}
	candidates, err := judged(config, &anew, attribution, NotAttributed, false)
	if err != nil {
		return err
	}
	first := firstOf(candidates)
	for i := range candidates {
		candidate := &candidates[i]
		if !recent(candidate.purchase) {
			continue
		}
		if reason, _, err := candidate.excluded(i == first); err != nil || reason != "" {
			if err != nil {
				return err
			}
			continue
		}
		credits, err := candidate.credits(referee.ordinalOf(candidate.id()))
		if err != nil {
			return fmt.Errorf("while deciding purchase %q: %w", candidate.id(), err)
		}
		for _, credit := range credits {
			add(credit.Money)
		}
	}
	return nil
}

// ordinalOf returns which of its referrer's pairs a recorded pair is; 1 if it has never been
// admitted.
func (r *Referee) ordinalOf(purchaseID string) int64 {
	for i := range r.Pairs {
		if r.Pairs[i].PurchaseID == purchaseID {
			return max(1, r.Pairs[i].Ordinal)
		}
	}
	return 1
}

// Effects returns what moves, by currency.
func (t *Tally) Effects() []Effects { return byCurrency(t.effects) }

// Forward returns what new pairs earn, by currency.
func (t *Tally) Forward() []Forward { return byCurrency(t.forward) }

func byCurrency[T any](sums map[string]*T) []T {
	sorted := make([]T, 0, len(sums))
	for _, currency := range slices.Sorted(maps.Keys(sums)) {
		sorted = append(sorted, *sums[currency])
	}
	return sorted
}

// Pairs returns the numbers of pairs by what happens to them.
func (t *Tally) Pairs() PlanPairs { return t.pairs }

// Reasons returns the reasons of pairs that do not earn, in the order of the closed list.
func (t *Tally) Reasons() []ReasonCount {
	var counts []ReasonCount
	for _, reason := range reasonOrder {
		if n := t.reasons[reason]; n > 0 {
			counts = append(counts, ReasonCount{Reason: reason, Pairs: n})
		}
	}
	return counts
}

// Largest returns the largest differences, at most so many, the largest first.
func (t *Tally) Largest(most int) []Difference {
	all := t.differences()
	return all[:min(len(all), most)]
}

func (t *Tally) differences() []Difference {
	var all []Difference
	for key, change := range t.largest {
		if change.Sign() != 0 {
			all = append(all, Difference{BeneficiaryID: key.beneficiaryID, Currency: key.currency, Change: change})
		}
	}
	slices.SortFunc(all, func(a, b Difference) int {
		return cmp.Or(b.Change.CmpAbs(a.Change), cmp.Compare(a.BeneficiaryID, b.BeneficiaryID), cmp.Compare(a.Currency, b.Currency))
	})
	return all
}
