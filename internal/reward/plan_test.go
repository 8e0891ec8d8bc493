package reward

import (
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// What a tally adds up is what recording the decisions moves, in any history.
func TestTallyIsWhatRecordingMoves(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		for range rapid.IntRange(1, 6).Draw(t, "steps") {
			outcome, err := Decide(&w.config, &w.referee, w.now)
			if err != nil {
				return
			}
			w.allocate(t, outcome.Claims)
			entries, err := Settle(outcome.Decisions, w.referee.Ledger)
			if err != nil {
				return
			}
			tally := NewTally("one", true)
			for i := range outcome.Decisions {
				d := &outcome.Decisions[i]
				sums := slices.DeleteFunc(slices.Clone(w.referee.Ledger), func(l LedgerSum) bool { return l.PurchaseID != d.PurchaseID })
				if err := tally.AddPair(w.referee.pair(d.PurchaseID), d, sums); err != nil {
					t.Fatal(err)
				}
			}
			granted, held := map[string]*big.Int{}, w.held()
			for _, sum := range held {
				sum.Neg(sum)
			}
			for i := range entries {
				addTo(granted, entries[i].Currency, entries[i].Amount)
			}
			w.referee.keep(outcome, entries)
			for currency, sum := range w.held() {
				addTo(held, currency, 0).Add(held[currency], sum)
			}
			changes := map[string]*big.Int{}
			for _, d := range tally.Largest(1000) {
				addTo(changes, d.Currency, 0).Add(changes[d.Currency], d.Change)
			}
			for _, e := range tally.Effects() {
				for _, sum := range []*big.Int{e.GrantedUp, e.GrantedDown, e.HeldUp, e.HeldDown} {
					if sum.Sign() < 0 {
						t.Fatalf("below zero: %+v", e)
					}
				}
				movedGranted, movedHeld := new(big.Int).Sub(e.GrantedUp, e.GrantedDown), new(big.Int).Sub(e.HeldUp, e.HeldDown)
				if movedGranted.Cmp(addTo(granted, e.Currency, 0)) != 0 || movedHeld.Cmp(addTo(held, e.Currency, 0)) != 0 {
					t.Fatalf("%s: planned %v and %v, moved %v and %v", e.Currency, movedGranted, movedHeld, granted[e.Currency], held[e.Currency])
				}
				if sum := new(big.Int).Add(movedGranted, movedHeld); sum.Cmp(addTo(changes, e.Currency, 0)) != 0 {
					t.Fatalf("%s: the differences of beneficiaries add up to %v, not to %v", e.Currency, changes[e.Currency], sum)
				}
				delete(granted, e.Currency)
				delete(held, e.Currency)
			}
			for _, rest := range []map[string]*big.Int{granted, held} {
				for currency, sum := range rest {
					if sum.Sign() != 0 {
						t.Fatalf("moved and not planned: %v %s", sum, currency)
					}
				}
			}
			w.change(t)
		}
	})
}

func addTo(sums map[string]*big.Int, currency string, amount int64) *big.Int {
	if sums[currency] == nil {
		sums[currency] = new(big.Int)
	}
	return sums[currency].Add(sums[currency], big.NewInt(amount))
}

// held returns the held credit of the referee's pairs, by currency.
func (w *world) held() map[string]*big.Int {
	sums := map[string]*big.Int{}
	for _, p := range w.referee.Pairs {
		if p.State == Held {
			for _, c := range p.Credits {
				addTo(sums, c.Currency, c.Amount)
			}
		}
	}
	return sums
}

func TestForwardShowsATypoUnderNewPairs(t *testing.T) {
	for _, c := range []struct {
		rule string
		edit func(inForce, proposed *story)
		want string
	}{
		{"an admitted pair that the edit does not reach", func(*story, *story) {}, "USD 500→50000"},
		{"a purchase that arrived earlier", func(i, p *story) {
			for _, s := range []*story{i, p} {
				s.p1().ArrivedAt, s.ben.Signup.ArrivedAt = day(-40), day(-40)
			}
		}, ""},
		{"a purchase that does not count", func(i, p *story) { i.p1().Refunded, p.p1().Refunded = 4000, 4000 }, ""},
		{"a suspended campaign", func(i, p *story) { i.campaign().Mode, p.campaign().Mode = Suspended, Suspended }, "USD 500→50000"},
		{"a campaign that is deleted", func(_, p *story) { p.campaign().Mode = Reversing }, "USD 500→0"},
		{"one that does not exist yet", func(i, _ *story) { delete(i.config.Campaigns, "invite") }, "USD 0→50000"},
		{"a budget is not considered", func(i, p *story) {
			for _, s := range []*story{i, p} {
				s.campaign().Budget = &Money{Amount: 1, Currency: "USD"}
			}
		}, "USD 500→50000"},
	} {
		t.Run(c.rule, func(t *testing.T) {
			inForce, proposed := newStory().record(t), newStory().record(t)
			proposed.revise(day(50), Terms{Purchases: FirstPurchase, Rewards: []Reward{toAnna(50000)}})
			c.edit(inForce, proposed)
			tally := NewTally("invite", false)
			if err := tally.AddForward(&inForce.config, &proposed.config, &proposed.ben, proposed.ben.Attribution, day(-30)); err != nil {
				t.Fatal(err)
			}
			got := ""
			for _, f := range tally.Forward() {
				got += fmt.Sprintf("%s %v→%v", f.Currency, f.InForce, f.Proposed)
			}
			if got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestLargestDifferencesSurviveManyBeneficiaries(t *testing.T) {
	tally := NewTally("invite", true)
	for n := range 3 * mostBeneficiaries {
		d := Decision{PurchaseID: "p1", Campaign: "invite", State: Granted,
			Credits: []Credit{{Reward: "inviter", BeneficiaryID: fmt.Sprintf("u%d", n), Money: Money{Amount: int64(1 + n%7), Currency: "USD"}}}}
		if n%1000 == 0 {
			d.Credits[0].BeneficiaryID, d.Credits[0].Amount = "whale", 100
		}
		if err := tally.AddPair(nil, &d, nil); err != nil {
			t.Fatal(err)
		}
	}
	if len(tally.largest) > mostBeneficiaries {
		t.Errorf("%d beneficiaries are kept", len(tally.largest))
	}
	largest := tally.Largest(10)
	if len(largest) != 10 || largest[0].BeneficiaryID != "whale" || largest[0].Change.Int64() != 3*mostBeneficiaries/1000*100 {
		t.Errorf("%+v", largest[0])
	}
}

func TestLargestDifferencesKeepFewBytesOfLongIDs(t *testing.T) {
	tally := NewTally("invite", true)
	for n := range 10_000 {
		d := Decision{PurchaseID: "p1", Campaign: "invite", State: Granted, Credits: []Credit{{
			Reward: "inviter", BeneficiaryID: fmt.Sprint(strings.Repeat("ü", 500), n), Money: Money{Amount: int64(1 + n), Currency: "USD"},
		}}}
		if err := tally.AddPair(nil, &d, nil); err != nil {
			t.Fatal(err)
		}
		if tally.bytes > mostTextBytes {
			t.Fatalf("%d bytes are kept", tally.bytes)
		}
	}
	if largest := tally.Largest(1); largest[0].Change.Int64() != 10_000 {
		t.Errorf("%+v", largest[0])
	}
}

func TestAllocateAllServesEveryClaimThatFits(t *testing.T) {
	for _, c := range []struct {
		rule        string
		limit, left int64
		stand       func(q *queue)
		want        string
	}{
		{"in admission order", 0, 900, func(q *queue) {
			q.claim("b", "anna", 2, 400)
			q.claim("c", "anna", 0, 400)
			q.claim("a", "anna", 1, 400)
		}, "2 served, 1 waiting: a Granted, b Granted, c Waiting"},
		{"what does not fit is passed over", 0, 500, func(q *queue) {
			q.claim("a", "anna", 1, 600)
			q.claim("b", "anna", 2, 500)
		}, "1 served, 1 waiting: a Waiting, b Granted"},
		{"up to the cap of each referrer", 1, -1, func(q *queue) {
			q.claim("a", "anna", 1, 400)
			q.claim("b", "anna", 2, 400)
			q.claim("c", "carl", 3, 400)
		}, "2 served, 1 waiting: a Granted, b Waiting, c Granted"},
		{"none", 0, 0, func(*queue) {}, "0 served, 0 waiting:"},
	} {
		t.Run(c.rule, func(t *testing.T) {
			q := newQueue(t, c.limit, c.left)
			c.stand(q)
			for i := range q.claims {
				q.claims[i] = q.claims[i].Detach()
			}
			served, waiting, err := AllocateAll(&q.capacity, q.claims)
			if err != nil {
				t.Fatal(err)
			}
			slices.SortFunc(q.claims, func(a, b Claim) int { return slices.Compare([]byte(a.UserID()), []byte(b.UserID())) })
			got := fmt.Sprintf("%d served, %d waiting:", served, waiting)
			for i := range q.claims {
				if i > 0 {
					got += ","
				}
				got += fmt.Sprintf(" %s %s", q.claims[i].UserID(), q.claims[i].Decision.State)
			}
			if got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}
