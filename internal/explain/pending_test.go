package explain_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/referral-operator/referral-operator/internal/database"
	"github.com/referral-operator/referral-operator/internal/explain"
	"github.com/referral-operator/referral-operator/internal/reward"
	"github.com/referral-operator/referral-operator/internal/testworld/migrated"
)

// tenPercent earns the referrer 10 % of each purchase, an hour after it.
func tenPercent() reward.Terms {
	return reward.Terms{
		Purchases: reward.EveryPurchase, HoldPeriod: time.Hour,
		Rewards: []reward.Reward{{Name: "inviter", Beneficiary: reward.ToReferrer, Percentage: &reward.Percentage{Rate: "10"}}},
	}
}

// A purchase of 50.00 USD, which has 10 % granted or held, is pending until each part of its new
// decision is recorded.
func TestPurchaseIsPendingUntilAllOfItsDecisionIsRecorded(t *testing.T) {
	type step struct {
		Earns      int64
		Pending    bool
		Unrecorded explain.Unrecorded
	}
	const (
		granted  = "INSERT INTO referral.purchase (user_id, purchase_id, amount, currency, purchased_at) VALUES ('carl', 'p', 5000, 'USD', now() - interval '2 hours')"
		held     = "INSERT INTO referral.purchase (user_id, purchase_id, amount, currency) VALUES ('carl', 'p', 5000, 'USD')"
		refunded = "INSERT INTO referral.refund (user_id, purchase_id, refund_id, amount) VALUES ('carl', 'p', '1', 2000)"
	)
	budget := func(d *database.Declaration) { d.Budget = &database.Money{Amount: 1000, Currency: "USD"} }
	for name, test := range map[string]struct {
		edit          func(*database.Declaration)
		facts, change string // the change is the owner's
		want, after   step   // before and after the engine has decided
	}{
		"a refund of a granted purchase": {nil, granted, refunded, step{300, true, explain.UnrecordedAmount}, step{Earns: 300}},
		"a refund of a held purchase":    {nil, held, refunded, step{300, true, explain.UnrecordedAmount}, step{Earns: 300}},
		"an amount that no trigger saw": {nil, granted, "ALTER TABLE referral.purchase DISABLE TRIGGER USER; UPDATE referral.purchase SET amount = 7000",
			step{700, true, explain.UnrecordedAmount}, step{700, true, explain.UnrecordedAmount}},
		"growth that the budget has capacity for": {budget, granted, "UPDATE referral.purchase SET amount = 6000",
			step{500, true, explain.UnrecordedAmount}, step{Earns: 600}},
		"growth beyond the budget": {budget, granted, "UPDATE referral.purchase SET amount = 20000",
			step{500, true, explain.UnrecordedAmount}, step{Earns: 500}},
		"a later purchase": {nil, held, "UPDATE referral.purchase SET purchased_at = purchased_at + interval '1 minute'",
			step{500, true, explain.UnrecordedTime}, step{Earns: 500}},
		"a fact that changes nothing else": {nil, granted, "UPDATE referral.purchase SET attributes = '{}'", step{Earns: 500}, step{Earns: 500}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			var edits []func(*database.Declaration)
			if test.edit != nil {
				edits = append(edits, test.edit)
			}
			migrated.Declare(t, w.db, "percent", tenPercent(), edits...)
			w.write("INSERT INTO referral.link (code, campaign, referrer_id) VALUES ('c', 'percent', 'anna'); INSERT INTO referral.signup (user_id, code, signed_up_at) VALUES ('carl', 'c', now() - interval '1 day'); " + test.facts)
			check(t, w.engine.Converge(t.Context()))
			_, err := w.db.Exec(t.Context(), test.change)
			check(t, err)
			for _, want := range []step{test.want, test.after} {
				p := w.of("carl").Purchases[0]
				got := step{p.Credits[0].Amount, p.Pending, p.Unrecorded}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("%s %s: %s", p.State, p.Reason, diff)
				}
				check(t, w.engine.Converge(t.Context()))
			}
		})
	}
}

// A pair that a rollout has not come to keeps its revision and its amount.
func TestPurchaseThatARolloutHasNotReachedIsNotPending(t *testing.T) {
	w := newWorld(t)
	migrated.Declare(t, w.db, "percent", tenPercent())
	w.write(`INSERT INTO referral.link (code, campaign, referrer_id) VALUES ('c', 'percent', 'anna'); INSERT INTO referral.signup (user_id, code) VALUES ('carl', 'c');
		INSERT INTO referral.purchase (user_id, purchase_id, amount, currency) VALUES ('carl', 'p', 5000, 'USD')`)
	check(t, w.engine.Converge(t.Context()))
	terms := tenPercent()
	terms.Rewards[0].Percentage.Rate = "20"
	migrated.Declare(t, w.db, "percent", terms, func(d *database.Declaration) { d.Generation, d.Scope = 2, string(reward.AllPairs) })
	for revision, amount := range []int64{500, 1000} {
		p := w.of("carl").Purchases[0]
		if p.Pending || p.Revision != revision+1 || p.Credits[0].Amount != amount {
			t.Errorf("want %d under revision %d: %+v", amount, revision+1, p)
		}
		check(t, w.engine.Converge(t.Context()))
	}
	_, err := w.db.Exec(t.Context(), "UPDATE referral.pair SET revision = 1")
	check(t, err)
	if p := w.of("carl").Purchases[0]; !p.Pending || p.Unrecorded != explain.UnrecordedRevision || p.Revision != 2 {
		t.Errorf("with another revision recorded: %+v", p)
	}
}
