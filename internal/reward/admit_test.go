package reward

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// A queue is a campaign's line as tests tell it: who stands where and needs how
// much of the budget, what there is, and what comes of it.
type queue struct {
	rapid.TB
	campaign *Campaign
	room     Room
	claims   []Claim
	others   []Place
}

// newQueue has a campaign that pays ten per cent, so that a purchase of $40
// needs 400.
func newQueue(t rapid.TB, limit, left int64) *queue {
	campaign := openCampaign("invite", Terms{Purchases: EveryPurchase, Rewards: []Reward{toBen("10")}, Limits: Limits{PairsPerReferrer: limit}})
	q := &queue{TB: t, campaign: campaign, room: Room{Campaign: campaign, Left: left, Pairs: map[string]int64{}}}
	if left >= 0 {
		campaign.Budget = &Money{Amount: 100_000, Currency: "USD"}
	}
	return q
}

// claim has a pair of a referrer stand in line at that place; order 0: it is new.
func (q *queue) claim(user, referrer string, order, needs int64) {
	q.Helper()
	s := newStory(func(s *story) {
		s.ben.UserID = user
		s.config.Campaigns["invite"] = q.campaign
		s.ben.Touches[0].Link = linkOf(referrer)
		s.p1().Amount = 10 * needs
		if order > 0 {
			s.ben.Pairs = []Pair{{PurchaseID: "p1", Campaign: "invite", ReferrerID: referrer, Revision: 1,
				State: Waiting, Reason: BudgetExhausted, Order: order, Needs: &needs}}
		}
	})
	outcome, err := Decide(&s.config, &s.ben, s.now)
	if err != nil || len(outcome.Claims) != 1 {
		q.Fatalf("no claim: %+v, %v", outcome, err)
	}
	q.claims = append(q.claims, outcome.Claims...)
}

func (q *queue) other(user, referrer string, order, needs int64) {
	q.others = append(q.others, Place{UserID: user, PurchaseID: "p1", ReferrerID: referrer, Order: order, Needs: needs})
}

// admit tells each claim's state, then who of the others is next.
func (q *queue) admit() string {
	q.Helper()
	next, _, err := Admit(&q.room, q.claims, q.others)
	if err != nil {
		q.Fatalf("Admit: %v", err)
	}
	var words []string
	for i := range q.claims {
		d := q.claims[i].Decision
		words = append(words, fmt.Sprintf("%s %s", q.claims[i].UserID(), map[State]string{Granted: "in", Waiting: string(d.Reason)}[d.State]))
	}
	for i := range next {
		words = append(words, "next "+next[i].UserID)
	}
	return strings.Join(words, ", ")
}

func TestAdmit(t *testing.T) {
	for _, c := range []struct {
		rule        string
		limit, left int64 // left below zero: no budget
		stand       func(q *queue)
		want        string
	}{
		{"in order, as long as there is room", 0, 900, func(q *queue) {
			q.claim("a", "anna", 1, 400)
			q.claim("b", "anna", 2, 400)
			q.claim("c", "anna", 0, 400)
		}, "a in, b in, c BudgetExhausted"},
		{"who does not fit is passed over", 0, 500, func(q *queue) {
			q.claim("a", "anna", 1, 600)
			q.claim("b", "anna", 2, 500)
		}, "a BudgetExhausted, b in"},
		{"a budget may be used to the last cent", 0, 400, func(q *queue) { q.claim("a", "anna", 0, 400) }, "a in"},
		{"nobody overtakes one that is decided elsewhere", 0, 400, func(q *queue) {
			q.other("a", "anna", 1, 400)
			q.claim("b", "carl", 0, 300)
		}, "b BudgetExhausted, next a"},
		{"unless there is no room for that one", 0, 400, func(q *queue) {
			q.other("a", "anna", 1, 500)
			q.claim("b", "carl", 0, 300)
		}, "b in"},
		{"who had to let somebody pass is next, after that one", 0, 900, func(q *queue) {
			q.other("a", "anna", 1, 400)
			q.claim("b", "carl", 2, 300)
			q.other("c", "anna", 3, 300)
			q.other("d", "anna", 4, 200)
		}, "b BudgetExhausted, next a, next b, next d"},
		{"one that another tier is for holds up who comes behind, and takes nothing", 1, 400, func(q *queue) {
			q.others = append(q.others, Place{UserID: "a", PurchaseID: "p1", ReferrerID: "anna", Order: 1, Needs: 900, Repriced: true})
			q.claim("b", "anna", 2, 400)
			q.claim("c", "carl", 3, 400)
		}, "b BudgetExhausted, c BudgetExhausted, next a, next b"},
		{"unless its referrer's cap is reached", 1, 400, func(q *queue) {
			q.room.Pairs["anna"] = 1
			q.others = append(q.others, Place{UserID: "a", PurchaseID: "p1", ReferrerID: "anna", Order: 1, Repriced: true})
			q.claim("b", "carl", 2, 400)
		}, "b in"},
		{"what is given is not there for those behind", 0, 700, func(q *queue) {
			q.claim("a", "anna", 1, 400)
			q.other("b", "anna", 2, 400)
			q.other("c", "anna", 3, 300)
		}, "a in, next c"},
		{"the cap is each referrer's own", 1, -1, func(q *queue) {
			q.claim("a", "anna", 0, 400)
			q.claim("b", "anna", 0, 400)
			q.claim("c", "carl", 0, 400)
		}, "a in, b CapReached, c in"},
		{"pairs that are admitted count", 2, -1, func(q *queue) {
			q.room.Pairs["anna"] = 2
			q.claim("a", "anna", 0, 400)
		}, "a CapReached"},
		{"without a budget the line of one referrer holds up no other's", 1, -1, func(q *queue) {
			q.other("a", "anna", 1, 0)
			q.claim("b", "anna", 2, 400)
			q.claim("c", "carl", 0, 400)
		}, "b CapReached, c in, next a"},
		{"lacking both says the cap", 1, 100, func(q *queue) {
			q.room.Pairs["anna"] = 1
			q.claim("a", "anna", 0, 400)
		}, "a CapReached"},
		{"an overdrawn budget gives nothing, but to whom needs nothing", 0, 0, func(q *queue) {
			q.room.Left = -50
			q.claim("a", "anna", 0, 400)
		}, "a BudgetExhausted"},
	} {
		t.Run(c.rule, func(t *testing.T) {
			q := newQueue(t, c.limit, c.left)
			c.stand(q)
			if got := q.admit(); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

// Whatever the line is split into, nobody gets anything that he would not get
// if all were decided together, and what is given keeps to the limits.
func TestAdmitInParts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limit := rapid.Int64Range(0, 3).Draw(t, "cap")
		left := rapid.Int64Range(-1, 12).Draw(t, "left")
		if left < 0 {
			limit = max(1, limit)
		}
		whole, part := newQueue(t, limit, left), newQueue(t, limit, left)
		var mine []string
		for i := range rapid.IntRange(1, 8).Draw(t, "line") {
			user, referrer := fmt.Sprint("u", i), rapid.SampledFrom([]string{"anna", "carl"}).Draw(t, "referrer")
			needs := rapid.Int64Range(1, 5).Draw(t, "needs")
			whole.claim(user, referrer, int64(i+1), needs)
			switch {
			case rapid.Bool().Draw(t, "mine"):
				part.claim(user, referrer, int64(i+1), needs)
				mine = append(mine, user)
			case left < 0:
				part.other(user, referrer, int64(i+1), 0)
			default:
				part.other(user, referrer, int64(i+1), needs)
			}
		}
		whole.admit()
		next, _, err := Admit(&part.room, part.claims, part.others)
		if err != nil {
			t.Fatal(err)
		}
		together, got := whole.admitted(), part.admitted()
		for user := range got {
			if !together[user] {
				t.Fatalf("%s overtook somebody: together %v, of %v alone %v", user, together, mine, got)
			}
		}
		for i := range next {
			got[next[i].UserID] = true
		}
		if diff := cmp.Diff(together, got); diff != "" {
			t.Fatalf("admitted or next is not who is admitted together (-together +in parts):\n%s", diff)
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
