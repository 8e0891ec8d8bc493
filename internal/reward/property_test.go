package reward

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

// The invariants hold after each step of a random history.
func TestDecideKeepsItsInvariants(t *testing.T) { rapid.Check(t, decideHolds) }

// A history is read from the fuzzer's bytes, which therefore begin with plenty. Run it with
// -fuzzminimizetime 5x: bytes that are drawn from shrink badly.
func FuzzDecide(f *testing.F) {
	for seed := range 32 {
		history := make([]byte, 8192)
		_, _ = rand.NewChaCha8([32]byte{byte(seed)}).Read(history) // never fails
		f.Add(history)
	}
	f.Fuzz(rapid.MakeFuzz(decideHolds))
}

func decideHolds(t *rapid.T) {
	w := drawWorld(t)
	for range rapid.IntRange(1, 6).Draw(t, "steps") {
		w.step(t)
		w.change(t)
	}
}

// step decides, checks the outcome, records it and decides again.
func (w *world) step(t *rapid.T) {
	before := w.referee.clone()
	outcome, err := Decide(&w.config, &w.referee, w.now)
	if diff := cmp.Diff(before, w.referee); diff != "" {
		t.Fatalf("Decide changed its input (-before +after):\n%s", diff)
	}
	shuffled := w.referee.shuffled(t)
	again, errAgain := Decide(&w.config, &shuffled, w.now)
	if (err == nil) != (errAgain == nil) {
		t.Fatalf("the order of facts decides whether there is an error: %v, %v", err, errAgain)
	}
	if err != nil {
		return
	}
	if diff := cmp.Diff(outcome, again, cmpopts.IgnoreUnexported(Claim{})); diff != "" {
		t.Fatalf("the order of facts matters (-given +shuffled):\n%s", diff)
	}
	w.allocate(t, outcome.Claims)
	w.allocate(t, again.Claims)
	w.check(t, outcome)

	entries, err := Settle(outcome.Decisions, w.referee.Ledger)
	if err != nil {
		return // the drawn ledger sums are out of range
	}
	entriesAgain, _ := Settle(again.Decisions, shuffled.Ledger)
	if diff := cmp.Diff(entries, entriesAgain); diff != "" {
		t.Fatalf("the order of sums matters (-given +shuffled):\n%s", diff)
	}
	kept := w.config.KeepsAttribution(w.referee.Pairs)
	w.referee.keep(outcome, entries)
	switch {
	case kept && !w.config.KeepsAttribution(w.referee.Pairs):
		return // from now on the attribution follows the facts: the engine re-evaluates such a referee
	case len(outcome.Claims) > 0:
		return // a pair that joined the waitlist of a suspended campaign is not decided again
	}
	w.checkRepeats(t, outcome)
}

// allocate concludes claims, which only pairs of campaigns that are not open make: no campaign of
// the world has limits.
func (w *world) allocate(t *rapid.T, claims []Claim) {
	for i := range claims {
		campaign := w.config.Campaigns[claims[i].Decision.Campaign]
		capacity := Capacity{Campaign: campaign, Admitted: map[string]int64{}}
		if _, _, err := Allocate(&capacity, claims[i:i+1], Waitlist{Complete: true}); err != nil {
			t.Fatalf("decided, but not allocated: %v", err)
		}
	}
}

// check verifies the invariants of every outcome.
func (w *world) check(t *rapid.T, outcome Outcome) {
	earning := 0
	for i, d := range outcome.Decisions {
		pair, purchase := w.referee.pair(d.PurchaseID), w.referee.purchaseOf(d.PurchaseID)
		if i > 0 && outcome.Decisions[i-1].PurchaseID >= d.PurchaseID {
			t.Fatalf("%q after %q", d.PurchaseID, outcome.Decisions[i-1].PurchaseID)
		}
		switch d.State {
		case NotCounting:
			if pair != nil {
				t.Fatalf("a pair was forgotten: %+v", d)
			}
		case Reversed:
			if pair == nil {
				t.Fatalf("a pair that never counted: %+v", d)
			}
		case Waiting:
			if d.Need == nil {
				t.Fatalf("a waiting pair without what it needs: %+v", d)
			}
		case Held, Granted:
			earning++
			if (d.State == Held) != w.now.Before(d.MaturesAt) || outcome.Attribution == nil {
				t.Fatalf("at %s: %+v", w.now, d)
			}
		default:
			t.Fatalf("no such state: %+v", d)
		}
		if d.Reason == "" || d.State != NotCounting && (d.Campaign == "" || d.ReferrerID == "") {
			t.Fatalf("incomplete: %+v", d)
		}
		for _, c := range d.Credits {
			if d.State != Held && d.State != Granted || c.Amount <= 0 {
				t.Fatalf("credit of a pair that earns nothing: %+v", d)
			}
			if c.Reward == "share" && c.Amount > purchase.Amount-purchase.Refunded {
				t.Fatalf("a share above the net amount: %+v", d)
			}
			if c.BeneficiaryID != w.referee.UserID && c.BeneficiaryID != outcome.Attribution.ReferrerID {
				t.Fatalf("credit of a stranger: %+v", d)
			}
		}
	}
	if w.first && earning > 1 {
		t.Fatalf("%d purchases are first: %+v", earning, outcome.Decisions)
	}
}

// checkRepeats requires that deciding a recorded outcome again changes nothing, and that the ledger
// adds up to it.
func (w *world) checkRepeats(t *rapid.T, outcome Outcome) {
	again, err := Decide(&w.config, &w.referee, w.now)
	if err != nil {
		t.Fatalf("decided once, but not again: %v", err)
	}
	want := outcome
	want.Decisions = slices.Clone(outcome.Decisions)
	if diff := cmp.Diff(want, again, cmpopts.IgnoreFields(Decision{}, "Ordinal"), cmpopts.IgnoreUnexported(Claim{})); diff != "" {
		t.Fatalf("deciding again finds otherwise (-first +again):\n%s", diff)
	}
	entries, err := Settle(again.Decisions, w.referee.Ledger)
	if err != nil || len(entries) > 0 {
		t.Fatalf("settling again enters %+v, %v", entries, err)
	}
	for _, d := range again.Decisions {
		var desired, entered int64
		if d.State == Granted {
			for _, c := range d.Credits {
				desired += c.Amount % 1_000_003
			}
		}
		for _, l := range w.referee.Ledger {
			if l.PurchaseID == d.PurchaseID {
				entered += l.Sum % 1_000_003
			}
		}
		if desired != entered {
			t.Fatalf("not converged: %+v with %+v", d, w.referee.Ledger)
		}
	}
}

// Facts that arrive one by one, in any order and with a decision after each, lead to the same
// balances as all facts at once.
func TestOrderOfArrivalDoesNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		terms := Terms{
			Purchases:      rapid.SampledFrom([]PurchaseScope{FirstPurchase, EveryPurchase}).Draw(t, "scope"),
			MinimumAmounts: map[string]int64{"USD": 100},
			Rewards:        []Reward{toAnna(500)},
		}
		if terms.Purchases == EveryPurchase {
			terms.Rewards = append(terms.Rewards, toBen("12.5"))
		}
		all := newStory(func(s *story) {
			s.config.Campaigns["invite"] = openCampaign("invite", terms)
			s.ben.Purchases = nil
		})
		for i := range rapid.IntRange(0, 4).Draw(t, "purchases") {
			s := fmt.Sprint("p", i)
			all.buy(s, rapid.Int64Range(50, 400).Draw(t, "amount "+s), day(2, rapid.IntRange(-60, 60).Draw(t, "hours "+s)))
			all.purchase(s).Refunded = rapid.Int64Range(0, 300).Draw(t, "refunds "+s)
		}

		// The same facts as steps, a refund being one of its own.
		bit := newStory(func(s *story) {
			s.config = all.config
			s.ben.Signup, s.ben.Touches, s.ben.Purchases = nil, nil, nil
		})
		refunds := map[string]int64{}
		steps := []func(){
			func() { bit.ben.Signup = all.ben.Signup },
			func() { bit.ben.Touches = all.ben.Touches },
		}
		for _, p := range all.ben.Purchases {
			inAll := p.Refunded
			steps = append(steps,
				func() {
					p.Refunded = refunds[p.ID]
					bit.ben.Purchases = append(bit.ben.Purchases, p)
				},
				func() {
					refunds[p.ID] = inAll
					for i := range bit.ben.Purchases {
						bit.ben.Purchases[i].Refunded = refunds[bit.ben.Purchases[i].ID]
					}
				})
		}
		for _, step := range rapid.Permutation(steps).Draw(t, "order") {
			step()
			bit.recordIn(t)
		}
		all.recordIn(t)
		if got, want := bit.nonZero(), all.nonZero(); got != want {
			t.Fatalf("one by one: %s; at once: %s", got, want)
		}
	})
}

func (s *story) recordIn(t *rapid.T) {
	outcome, err := Decide(&s.config, &s.ben, s.now)
	if err != nil {
		t.Fatal(err)
	}
	entries, err := Settle(outcome.Decisions, s.ben.Ledger)
	if err != nil {
		t.Fatal(err)
	}
	s.ben.keep(outcome, entries)
}

func (s *story) nonZero() string {
	s.ben.Ledger = slices.DeleteFunc(s.ben.Ledger, func(l LedgerSum) bool { return l.Sum == 0 })
	return s.balances()
}

// extreme amounts and times come up among everyday ones.
func drawAmount(t *rapid.T, label string, least int64) int64 {
	return rapid.OneOf(rapid.Int64Range(least, 12), rapid.SampledFrom([]int64{4000, math.MaxInt64 - 1, math.MaxInt64})).Draw(t, label)
}

func drawTime(t *rapid.T, label string) time.Time {
	return rapid.SampledFrom([]time.Time{
		day(-3), day(-1), day(0), day(0, 1), day(1), day(1, 1), day(2), day(3), day(4), day(9), endOfTime,
	}).Draw(t, label)
}
