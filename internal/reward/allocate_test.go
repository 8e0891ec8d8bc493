package reward

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// A queue is a campaign with its capacity, the pairs that claim it, and the other waiting pairs.
type queue struct {
	rapid.TB
	campaign *Campaign
	capacity Capacity
	claims   []Claim
	waitlist Waitlist
}

// newQueue has a campaign that pays 10%, so that a purchase of $40 needs 400 of the budget. A left
// below zero means no budget.
func newQueue(t rapid.TB, limit, left int64) *queue {
	campaign := openCampaign("invite", Terms{Purchases: EveryPurchase, Rewards: []Reward{toBen("10")}})
	campaign.Waits, campaign.PairsPerReferrer = true, limit
	q := &queue{TB: t, campaign: campaign, capacity: Capacity{Campaign: campaign, BudgetLeft: left, Admitted: map[string]int64{}}}
	if left >= 0 {
		campaign.Budget = &Money{Amount: 100_000, Currency: "USD"}
	}
	return q
}

// claim adds a pair of a referrer that claims capacity, with its order; 0: a new pair.
func (q *queue) claim(user, referrer string, order, needs int64) {
	q.Helper()
	s := newStory(func(s *story) {
		s.ben.UserID = user
		s.config.Campaigns["invite"] = q.campaign
		s.ben.Touches[0].Link = linkOf(referrer)
		s.p1().Amount = 10 * needs
		if order > 0 {
			s.ben.Pairs = []Pair{{PurchaseID: "p1", Campaign: "invite", ReferrerID: referrer, Revision: 1,
				State: Waiting, Reason: BudgetExhausted, Order: order}}
		}
	})
	outcome, err := Decide(&s.config, &s.ben, s.now)
	if err != nil || len(outcome.Claims) != 1 {
		q.Fatalf("no claim: %+v, %v", outcome, err)
	}
	q.claims = append(q.claims, outcome.Claims...)
}

// other adds a waiting pair that is not a claim.
func (q *queue) other(user, referrer string, order, needs int64) {
	q.waitlist.CouldFit = append(q.waitlist.CouldFit, WaitingPair{
		UserID: user, PurchaseID: "p1", ReferrerID: referrer, Order: order, Need: Need{Least: needs}})
}

// rollsOut has a rollout go on in the campaign, with so many admitted pairs. A percentage has no
// maximum if most is 0.
func (q *queue) rollsOut(most, admitted int64) {
	q.capacity.RollingOut, q.capacity.AdmittedPairs = true, admitted
	if most > 0 {
		q.campaign.Revisions[0].Terms.Rewards[0].Percentage.MaximumAmounts = map[string]int64{"USD": most}
	}
}

// allocate returns what Allocate decides about each claim, and whether it asks for another
// allocation.
func (q *queue) allocate() string {
	q.Helper()
	_, again, err := Allocate(&q.capacity, q.claims, q.waitlist)
	if err != nil {
		q.Fatalf("Allocate: %v", err)
	}
	var words []string
	for i := range q.claims {
		d := q.claims[i].Decision
		words = append(words, fmt.Sprintf("%s %s", q.claims[i].UserID(), map[State]string{Granted: "in", Waiting: string(d.Reason)}[d.State]))
	}
	if again {
		words = append(words, "again")
	}
	return strings.Join(words, ", ")
}

func TestAllocateAdmitsInOrderWithinCapacity(t *testing.T) {
	for _, c := range []struct {
		rule        string
		limit, left int64
		stand       func(q *queue)
		want        string
	}{
		{"in order, as far as the capacity goes", 0, 900, func(q *queue) {
			q.claim("b", "anna", 2, 400)
			q.claim("c", "anna", 0, 400)
			q.claim("a", "anna", 1, 400)
		}, "a in, b in, c BudgetExhausted"},
		{"a pair that does not fit is passed over", 0, 500, func(q *queue) {
			q.claim("a", "anna", 1, 600)
			q.claim("b", "anna", 2, 500)
		}, "a BudgetExhausted, b in"},
		{"a budget may be used to the last cent", 0, 400, func(q *queue) { q.claim("a", "anna", 0, 400) }, "a in"},
		{"no claim is served before a rollout's growths are known", 0, 900, func(q *queue) {
			q.rollsOut(0, 500)
			q.claim("a", "anna", 1, 400)
			q.claim("b", "anna", 2, 1000)
		}, "a BudgetExhausted, b BudgetExhausted, again"},
		{"a rollout without an admitted pair may still admit none", 0, 900, func(q *queue) {
			q.rollsOut(0, 0)
			q.claim("a", "anna", 1, 400)
		}, "a BudgetExhausted, again"},
		{"nor the one pair beyond which the budget may not suffice", 0, 900, func(q *queue) {
			q.rollsOut(50_000, 1)
			q.claim("a", "anna", 1, 400)
			q.claim("b", "anna", 2, 400)
		}, "a BudgetExhausted, b BudgetExhausted, again"},
		{"but all are where the budget suffices for every pair", 0, 900, func(q *queue) {
			q.rollsOut(50_000, 0)
			q.claim("a", "anna", 1, 400)
			q.claim("b", "anna", 2, 400)
		}, "a in, b in"},
		{"no claim overtakes a waiting pair that could fit", 0, 400, func(q *queue) {
			q.other("a", "anna", 1, 400)
			q.claim("b", "carl", 0, 300)
		}, "b BudgetExhausted, again"},
		{"a claim before it is admitted", 0, 700, func(q *queue) {
			q.claim("a", "carl", 1, 300)
			q.other("b", "anna", 2, 400)
			q.claim("c", "carl", 3, 100)
		}, "a in, c BudgetExhausted, again"},
		{"a waiting pair that does not fit any more is passed over", 0, 700, func(q *queue) {
			q.claim("a", "carl", 1, 400)
			q.other("b", "anna", 2, 400)
			q.other("x", "anna", 9, 400)
			q.claim("c", "carl", 3, 300)
		}, "a in, c in"},
		{"after the last waiting pair that was looked at nothing is admitted", 0, 700, func(q *queue) {
			q.claim("a", "carl", 1, 400)
			q.other("b", "anna", 2, 400)
			q.claim("c", "carl", 3, 300)
		}, "a in, c BudgetExhausted, again"},
		{"a pair of an older edit could fit whatever it needed", 0, 400, func(q *queue) {
			q.waitlist.CouldFit = []WaitingPair{{UserID: "a", ReferrerID: "anna", Order: 1, Need: Need{Least: 999}, Outdated: true}}
			q.claim("b", "carl", 0, 300)
		}, "b BudgetExhausted, again"},
		{"a freed place that is not counted yet lets nothing in", 1, -1, func(q *queue) {
			q.waitlist.Freed = true
			q.claim("a", "anna", 0, 400)
		}, "a CapReached, again"},
		{"the cap is each referrer's own", 1, -1, func(q *queue) {
			q.claim("a", "anna", 0, 400)
			q.claim("b", "anna", 0, 400)
			q.claim("c", "carl", 0, 400)
		}, "a in, b CapReached, c in"},
		{"admitted pairs count towards the cap", 2, -1, func(q *queue) {
			q.capacity.Admitted["anna"] = 2
			q.claim("a", "anna", 0, 400)
		}, "a CapReached"},
		{"lacking both says the cap", 1, 100, func(q *queue) {
			q.capacity.Admitted["anna"] = 1
			q.claim("a", "anna", 0, 400)
		}, "a CapReached"},
		{"an overdrawn budget gives nothing", 0, 0, func(q *queue) {
			q.capacity.BudgetLeft = -50
			q.claim("a", "anna", 0, 400)
		}, "a BudgetExhausted"},
		{"a campaign without its policy admits nothing, whatever is left", 0, 900, func(q *queue) {
			q.campaign.Mode = PolicyMissing
			q.claim("a", "anna", 0, 400)
			q.claim("b", "anna", 0, 1000)
		}, "a Qualified, b BudgetExhausted"},
		{"nor does a suspended one", 0, -1, func(q *queue) {
			q.campaign.Mode = Suspended
			q.claim("a", "anna", 0, 400)
		}, "a Qualified"},
	} {
		t.Run(c.rule, func(t *testing.T) {
			q := newQueue(t, c.limit, c.left)
			c.stand(q)
			if got := q.allocate(); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

// An admission that makes a waiting pair of the same referrer cheaper ends the allocation.
func TestAllocateStopsWhenTheNextTierIsCheaper(t *testing.T) {
	tiers := func(q *queue) {
		q.campaign.Revisions[0].Terms.Rewards = []Reward{{Name: "inviter", Beneficiary: ToReferrer, Tiers: []Tier{
			{FromPair: 1, Fixed: Money{Amount: 500, Currency: "USD"}}, {FromPair: 2, Fixed: Money{Amount: 100, Currency: "USD"}}}}}
	}
	t.Run("for a pair that waits elsewhere", func(t *testing.T) {
		q := newQueue(t, 0, 1100)
		tiers(q)
		q.waitlist.Repricing = map[string]bool{"anna": true}
		q.claim("a", "anna", 1, 1)
		q.claim("b", "carl", 2, 1)
		if got, want := q.allocate(), "a in, b BudgetExhausted, again"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	})
	t.Run("no pair of the referrer waits", func(t *testing.T) {
		q := newQueue(t, 0, 1100)
		tiers(q)
		q.claim("a", "anna", 1, 1)
		q.claim("b", "carl", 2, 1)
		q.claim("c", "anna", 3, 1)
		if got, want := q.allocate(), "a in, b in, c in"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	})
}

// A pair that counts only as the first purchase waits if the same allocation admits another one of
// its referee.
func TestAllocateAdmitsOneFirstPurchasePerReferee(t *testing.T) {
	s := newStory(func(s *story) {
		s.campaign().Budget = &Money{Amount: 100_000, Currency: "USD"}
		s.terms().Purchases = EveryPurchase
		s.campaign().Revisions = append(s.campaign().Revisions, Revision{Number: 2, RecordedAt: day(1), Scope: NewPairs, Terms: fiveDollars()})
		s.ben.Pairs = []Pair{
			{PurchaseID: "p1", Campaign: "invite", ReferrerID: "anna", Revision: 2, State: Waiting, Order: 2},
			{PurchaseID: "p2", Campaign: "invite", ReferrerID: "anna", Revision: 1, State: Waiting, Order: 1, CountedAt: day(30)},
		}
		s.buy("p2", 4000, day(9))
	})
	outcome := s.decide(t)
	if len(outcome.Claims) != 2 {
		t.Fatalf("not two claims: %+v", outcome)
	}
	capacity := Capacity{Campaign: s.campaign(), BudgetLeft: 100_000, Admitted: map[string]int64{}}
	admitted, again, err := Allocate(&capacity, outcome.Claims, Waitlist{})
	if err != nil || admitted != 1 || !again || outcome.Decisions[1].State != Granted || outcome.Decisions[0].State != Waiting {
		t.Errorf("admitted %d, again %t, %v: %+v", admitted, again, err, outcome.Decisions)
	}
}

// However the waitlist is split into allocations, each admits only pairs that one allocation of all
// would admit, and repeating them admits all of these.
func TestAllocatingInPartsAdmitsTheSamePairs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limit := rapid.Int64Range(0, 3).Draw(t, "cap")
		left := rapid.Int64Range(-1, 12).Draw(t, "left")
		if left < 0 {
			limit = max(1, limit)
		}
		type pair struct {
			user, referrer string
			order, needs   int64
		}
		var all []pair
		whole := newQueue(t, limit, left)
		for i := range rapid.IntRange(1, 8).Draw(t, "waitlist") {
			p := pair{fmt.Sprint("u", i), rapid.SampledFrom([]string{"anna", "carl"}).Draw(t, "referrer"), int64(i + 1), rapid.Int64Range(1, 5).Draw(t, "needs")}
			all = append(all, p)
			whole.claim(p.user, p.referrer, p.order, p.needs)
		}
		whole.allocate()
		together := whole.admitted()

		got := map[string]bool{}
		part := newQueue(t, limit, left)
		for round := range 40 {
			part.claims, part.waitlist = nil, Waitlist{}
			for _, p := range all {
				needs := p.needs
				if left < 0 {
					needs = 0
				}
				switch {
				case got[p.user]:
				case round%2 == 1 || rapid.Bool().Draw(t, "mine"):
					part.claim(p.user, p.referrer, p.order, p.needs)
				case part.capacity.lack(p.referrer, false, needs) == "":
					part.other(p.user, p.referrer, p.order, needs)
				}
			}
			part.allocate()
			for user := range part.admitted() {
				if got[user] = true; !together[user] {
					t.Fatalf("%s is admitted in parts and not together: %v", user, together)
				}
			}
		}
		if len(got) != len(together) {
			t.Fatalf("in parts %v, together %v", got, together)
		}
	})
}

func (q *queue) admitted() map[string]bool {
	in := map[string]bool{}
	for i := range q.claims {
		if q.claims[i].Decision.State == Granted {
			in[q.claims[i].UserID()] = true
		}
	}
	return in
}

// Fitting returns the pairs that fit by their recorded need, and every outdated pair.
func TestFittingUsesCapacityInOrder(t *testing.T) {
	q := newQueue(t, 2, 1000)
	q.other("a", "anna", 1, 600)
	q.other("b", "anna", 2, 600)
	q.other("c", "anna", 3, 400)
	q.other("d", "carl", 4, 1)
	q.waitlist.CouldFit = append(q.waitlist.CouldFit, WaitingPair{UserID: "e", ReferrerID: "anna", Order: 5, Need: Need{Least: 999}, Outdated: true})
	var users []string
	for _, w := range q.capacity.Fitting(q.waitlist.CouldFit) {
		users = append(users, w.UserID)
	}
	if got := strings.Join(users, " "); got != "a c e" {
		t.Errorf("picked %s", got)
	}
}

func TestNeedBeyondInt64FitsNoBudget(t *testing.T) {
	most := Credit{Reward: "a", BeneficiaryID: "anna", Money: Money{Amount: math.MaxInt64, Currency: "USD"}}
	one := Credit{Reward: "b", BeneficiaryID: "anna", Money: Money{Amount: 1, Currency: "USD"}}
	c := candidate{campaign: &Campaign{Budget: &most.Money}}
	capacity := Capacity{Campaign: c.campaign, BudgetLeft: MostBudgetLeft}
	if lack := capacity.lack("anna", false, c.growth([]Credit{most, one})); lack != BudgetExhausted {
		t.Errorf("got %q", lack)
	}
	// What an admitted pair earns beyond int64 grows by the exact difference.
	c.pair = &Pair{State: Granted, Credits: []Credit{most, one}}
	if growth := c.growth([]Credit{most, one, one}); growth != 1 {
		t.Errorf("grows by %d", growth)
	}
}
