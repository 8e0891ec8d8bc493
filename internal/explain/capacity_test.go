package explain_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/referral-operator/referral-operator/internal/database"
	"github.com/referral-operator/referral-operator/internal/explain"
	"github.com/referral-operator/referral-operator/internal/reward"
	"github.com/referral-operator/referral-operator/internal/testworld/migrated"
)

const (
	capRemedy    = "The referrer already has as many rewarded friends as the campaign allows. The purchase is credited in its turn once the cap is raised or a reward of another friend is taken back."
	budgetRemedy = "The campaign's budget is used up. The purchase is credited in its turn once the budget is raised or other credit of the campaign is taken back."
	turnRemedy   = "The campaign has capacity for the purchase, which is credited in its turn."
)

// declareLimited declares a campaign with a budget and a cap of one pair, and links of three
// referrers.
func (w *world) declareLimited(terms reward.Terms, budget int64) {
	w.Helper()
	terms.Limits.PairsPerReferrer = 1
	migrated.Declare(w, w.db, "limited", terms, func(d *database.Declaration) {
		d.Budget = &database.Money{Amount: budget, Currency: "USD"}
	})
	w.write("INSERT INTO referral.link (code, campaign, referrer_id) VALUES ('al', 'limited', 'alice'), ('z1', 'limited', 'zoe1'), ('z2', 'limited', 'zoe2')")
}

// buys has a user sign up with a code, buy, and be decided.
func (w *world) buys(user, code string) {
	w.Helper()
	w.write(fmt.Sprintf(`INSERT INTO referral.signup (user_id, code) VALUES ('%s', '%s');
		INSERT INTO referral.purchase (user_id, purchase_id, amount, currency) VALUES ('%[1]s', 'p', 2000, 'USD')`, user, code))
	check(w, w.engine.Converge(w.Context()))
}

// explainEachWay explains a user's one purchase in each way that there is, also as that of a friend
// of the referrer.
func (w *world) explainEachWay(t *testing.T, user, referrer string, want answer, pending bool) {
	t.Helper()
	compare := func(way string, purchases []explain.Purchase, err error) {
		t.Helper()
		check(t, err)
		if diff := cmp.Diff(want, answerOf(t, purchases)); diff != "" || purchases[0].Pending != pending {
			t.Errorf("%s: pending %t, %s", way, purchases[0].Pending, diff)
		}
	}
	e, err := explain.Of(t.Context(), w.reader, user)
	compare("explained", e.Purchases, err)
	review, err := explain.User(t.Context(), w.db, user, "p")
	compare("reviewed", review.Purchases, err)
	friends, err := explain.OfReferrer(t.Context(), w.db, referrer, "")
	check(t, err)
	for _, f := range friends.Newest {
		if f.UserID == user && (f.State != want.State || f.Reason != want.Reason) {
			t.Errorf("as a friend: %+v", f)
		}
	}
	w.write(fmt.Sprintf(`INSERT INTO referral.purchase (user_id, purchase_id, amount, currency, purchased_at)
		SELECT '%s', 'q' || n, 2000, 'USD', now() - interval '1 day' FROM generate_series(1, %d) AS n`, user, tooManyFacts))
	review, err = explain.User(t.Context(), w.db, user, "p")
	compare("reviewed as it is recorded", review.Purchases, err)
	if !review.Truncated {
		t.Error("all facts were read")
	}
}

// The pair is not decided again, because it does not fit before or after.
func TestWaitingPurchaseIsExplainedByWhatItLacksNow(t *testing.T) {
	w := newWorld(t)
	w.declareLimited(migrated.FiveDollars(), 1000)
	w.buys("bob", "al")
	w.buys("dave", "z2")
	w.buys("erin", "z1")
	w.buys("carol", "al")
	w.write("INSERT INTO referral.refund (user_id, purchase_id, refund_id, amount) VALUES ('bob', 'p', 'r', 2000)")
	check(t, w.engine.Converge(t.Context()))
	recorded := []string{"bob Reversed Refunded", "carol Waiting CapReached", "dave Granted Qualified", "erin Granted Qualified"}
	if diff := cmp.Diff(recorded, migrated.Rows(t, w.db, "SELECT user_id, state, reason FROM referral.pair ORDER BY user_id")); diff != "" {
		t.Fatal(diff)
	}
	w.explainEachWay(t, "carol", "alice", answer{"Waiting", "BudgetExhausted", budgetRemedy}, false)
}

func TestWaitingPurchaseThatFitsWaitsForItsTurn(t *testing.T) {
	for name, limits := range map[string]string{
		"the cap was raised":  "pairs_per_referrer = 2",
		"the cap was removed": "pairs_per_referrer = NULL",
		"the budget suffices": "pairs_per_referrer = 2, budget_amount = 1000, budget_currency = 'USD'",
	} {
		t.Run(name, func(t *testing.T) {
			w := carlAndBen(t)
			w.setCampaign(limits)
			w.explainEachWay(t, "ben", "anna", answer{"Waiting", "Qualified", turnRemedy}, true)
		})
	}
}

// The pair is its referrer's second.
func TestWaitingPurchaseNeedsWhatItsTierEarns(t *testing.T) {
	w := newWorld(t)
	terms := migrated.FiveDollars()
	terms.Rewards[0].Fixed = nil
	terms.Rewards[0].Tiers = []reward.Tier{
		{FromPair: 1, Fixed: reward.Money{Amount: 500, Currency: "USD"}}, {FromPair: 2, Fixed: reward.Money{Amount: 1000, Currency: "USD"}},
	}
	w.declareLimited(terms, 1400)
	w.buys("bob", "al")
	w.buys("carol", "al")
	for _, step := range []struct{ set, want string }{
		{"mode = 'Open'", "CapReached"},
		{"pairs_per_referrer = NULL", "BudgetExhausted"},
		{"budget_amount = 1500, budget_currency = 'USD'", "Qualified"},
	} {
		w.setCampaign(step.set)
		if got := w.of("carol").Purchases[0].Reason; got != step.want {
			t.Errorf("after %s: %s, want %s", step.set, got, step.want)
		}
	}
}

func TestWaitingPurchaseThatLacksBothLimitsLacksTheCap(t *testing.T) {
	w := carlAndBen(t)
	w.setCampaign("budget_amount = 999, budget_currency = 'USD'")
	w.explainEachWay(t, "ben", "anna", answer{"Waiting", "CapReached", capRemedy}, false)
}

// Only the mode keeps the pair waiting, and nothing is due to be recorded.
func TestWaitingPurchaseThatFitsACampaignThatIsNotOpen(t *testing.T) {
	w := carlAndBen(t)
	w.setCampaign("pairs_per_referrer = 2, mode = 'PolicyMissing'")
	w.explainEachWay(t, "ben", "anna", answer{"Waiting", "Qualified", "The purchase keeps its place and waits until the campaign has a policy again."}, false)
}
