package reward

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// A story is the world of most tests: anna shares a link of the campaign invite on day 0, ben
// follows it, signs up on day 1 and buys for $40 on day 2; now is day 100. Anna gets $5 for the
// first purchase. Each test edits what differs.
type story struct {
	config Configuration
	ben    Referee
	now    time.Time
}

// day returns midnight of a day plus the given hours.
func day(n int, hours ...int) time.Time {
	t := time.Date(2026, time.November, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, n)
	for _, h := range hours {
		t = t.Add(time.Duration(h) * time.Hour)
	}
	return t
}

func newStory(edits ...func(*story)) *story {
	s := &story{
		config: Configuration{
			Attribution: LastTouch,
			Campaigns:   map[string]*Campaign{"invite": openCampaign("invite", fiveDollars())},
		},
		ben: Referee{
			UserID:    "ben",
			Signup:    &Signup{SignedUpAt: day(1), ArrivedAt: day(1)},
			Touches:   []Touch{touchOf("t1", day(0), linkOf("anna"))},
			Purchases: []Purchase{bought("p1", 4000, day(2))},
		},
		now: day(100),
	}
	for _, edit := range edits {
		edit(s)
	}
	return s
}

func openCampaign(name string, terms ...Terms) *Campaign {
	c := &Campaign{Name: name, Mode: Open, AttributionWindow: 30 * 24 * time.Hour}
	for i, t := range terms {
		c.Revisions = append(c.Revisions, Revision{Number: i + 1, RecordedAt: day(-100 + i), Terms: t})
	}
	return c
}

func fiveDollars() Terms {
	return Terms{Purchases: FirstPurchase, Rewards: []Reward{toAnna(500)}}
}

func everyPurchase() Terms {
	terms := fiveDollars()
	terms.Purchases = EveryPurchase
	return terms
}

func toAnna(cents int64) Reward {
	return Reward{Name: "inviter", Beneficiary: ToReferrer, Fixed: &Money{Amount: cents, Currency: "USD"}}
}

func toBen(rate string) Reward {
	return Reward{Name: "friend", Beneficiary: ToReferee, Percentage: &Percentage{Rate: rate}}
}

// linkOf returns the link of a referrer with the code "by-<referrer>".
func linkOf(referrer string) *Link {
	return &Link{Code: "by-" + referrer, Campaign: "invite", ReferrerID: referrer}
}

func touchOf(id string, at time.Time, link *Link) Touch {
	return Touch{VisitorID: "visitor", TouchID: id, TouchedAt: at, Link: link}
}

func bought(id string, cents int64, at time.Time) Purchase {
	return Purchase{ID: id, Amount: cents, Currency: "USD", PurchasedAt: at, ArrivedAt: at}
}

// The names by which tests reach what they edit.

func (s *story) campaign() *Campaign { return s.config.Campaigns["invite"] }
func (s *story) terms() *Terms       { return &s.campaign().Revisions[0].Terms }
func (s *story) link() *Link         { return s.ben.Touches[0].Link }
func (s *story) p1() *Purchase       { return s.purchase("p1") }

func (s *story) purchase(id string) *Purchase {
	for i := range s.ben.Purchases {
		if s.ben.Purchases[i].ID == id {
			return &s.ben.Purchases[i]
		}
	}
	panic("no purchase " + id)
}

func (s *story) buy(id string, cents int64, at time.Time) {
	s.ben.Purchases = append(s.ben.Purchases, bought(id, cents, at))
}

func (s *story) remove(id string) {
	s.ben.Purchases = slices.DeleteFunc(s.ben.Purchases, func(p Purchase) bool { return p.ID == id })
}

// typed lets ben type the code of a link instead of following the link.
func (s *story) typed(link *Link) {
	s.ben.Signup.Code, s.ben.Code, s.ben.Touches = "typed", link, nil
}

// revise records a new revision of the campaign's terms.
func (s *story) revise(at time.Time, terms Terms) {
	c := s.campaign()
	c.Revisions = append(c.Revisions, Revision{Number: len(c.Revisions) + 1, RecordedAt: at, Terms: terms})
}

// rollOut gives the newest revision a scope, and a rollout that has reached all pairs of before it.
func (s *story) rollOut(scope RevisionScope) {
	newest := &s.campaign().Revisions[len(s.campaign().Revisions)-1]
	newest.Scope, newest.Rollout = scope, &Rollout{All: true}
}

func (s *story) decide(t *testing.T) Outcome {
	t.Helper()
	outcome, err := Decide(&s.config, &s.ben, s.now)
	if err != nil {
		t.Fatalf("Decide: %v", err)
	}
	return outcome
}

// record decides and records the outcome, as the engine does.
func (s *story) record(t *testing.T) *story {
	t.Helper()
	outcome := s.decide(t)
	entries, err := Settle(outcome.Decisions, s.ben.Ledger)
	if err != nil {
		t.Fatalf("Settle: %v", err)
	}
	s.ben.keep(outcome, entries)
	return s
}

// keep records an outcome as pairs and ledger sums.
func (r *Referee) keep(outcome Outcome, entries []Entry) {
	r.Attribution = outcome.Attribution
	for _, d := range outcome.Decisions {
		if d.State == NotCounting {
			continue
		}
		pair := Pair{
			PurchaseID: d.PurchaseID, Campaign: d.Campaign, ReferrerID: d.ReferrerID, Revision: d.Revision,
			State: d.State, Reason: d.Reason,
			QualifiedAt: d.QualifiedAt, MaturesAt: d.MaturesAt,
			Allowed: d.Allowed, Credits: d.Credits,
		}
		pair.Ordinal = d.Ordinal
		if pair.State.Occupies() {
			pair.Ordinal = max(1, d.Ordinal)
		}
		i := slices.IndexFunc(r.Pairs, func(p Pair) bool { return p.PurchaseID == d.PurchaseID })
		if i < 0 {
			r.Pairs = append(r.Pairs, pair)
			continue
		}
		r.Pairs[i] = pair
	}
	for _, e := range entries {
		i := slices.IndexFunc(r.Ledger, func(l LedgerSum) bool { return l.LedgerKey == e.LedgerKey })
		if i < 0 {
			r.Ledger = append(r.Ledger, LedgerSum{LedgerKey: e.LedgerKey})
			i = len(r.Ledger) - 1
		}
		r.Ledger[i].Sum += e.Amount
		r.Ledger[i].LastSeq = e.Seq
	}
}

// expect compares what is decided with lines such as "p1 Granted Qualified: inviter anna 5.00 USD".
func (s *story) expect(t *testing.T, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, told(s.decide(t))); diff != "" {
		t.Errorf("decided otherwise (-want +got):\n%s", diff)
	}
}

func told(outcome Outcome) []string {
	var lines []string
	for _, d := range outcome.Decisions {
		line := fmt.Sprintf("%s %s %s", d.PurchaseID, d.State, d.Reason)
		for i, c := range d.Credits {
			line += fmt.Sprintf("%s %s %s %s %s", [2]string{":", ","}[min(i, 1)],
				c.Reward, c.BeneficiaryID, FormatAmount(c.Amount, c.Currency), c.Currency)
		}
		lines = append(lines, line)
	}
	return lines
}

// balances returns the sums of the ledger by beneficiary and currency.
func (s *story) balances() string {
	sums := map[string]int64{}
	for _, l := range s.ben.Ledger {
		sums[l.BeneficiaryID+" "+l.Currency] += l.Sum
	}
	var lines []string
	for _, key := range slices.Sorted(maps.Keys(sums)) {
		lines = append(lines, fmt.Sprintf("%s %d", key, sums[key]))
	}
	return strings.Join(lines, ", ")
}

// rule runs one table of edits of the story.
func rule(t *testing.T, cases []ruleCase) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			newStory(c.edit).expect(t, c.want...)
		})
	}
}

type ruleCase struct {
	name string
	edit func(*story)
	want []string
}

const granted = "p1 Granted Qualified: inviter anna 5.00 USD"

func says(lines ...string) []string { return lines }
