package engine_test

import (
	"math"
	"slices"
	"testing"

	"github.com/referral-operator/referral-operator/internal/database"
	"github.com/referral-operator/referral-operator/internal/reward"
	"github.com/referral-operator/referral-operator/internal/testworld"
)

func budgetOf(amount int64) func(*database.Declaration) {
	return func(d *database.Declaration) { d.Budget = &database.Money{Amount: amount, Currency: "USD"} }
}

func TestFreedBudgetBeyondBigintAdmitsNothingUnderAnExhaustedBudget(t *testing.T) {
	s := newShop(t)
	terms := fiveDollars()
	terms.Purchases = reward.EveryPurchase
	terms.Rewards = []reward.Reward{{Name: "friend", Beneficiary: reward.ToReferee, Percentage: &reward.Percentage{Rate: "100"}}}
	s.declare("friends", terms)
	s.write(annasLink)
	s.write(`INSERT INTO referral.signup (user_id, code, signed_up_at) VALUES ('ben', 'a', now() - interval '2 hours');
		INSERT INTO referral.purchase (user_id, purchase_id, amount, currency) SELECT 'ben', n::text, 4611686018427387904, 'USD' FROM generate_series(1, 3) n`)
	s.converge()
	s.declare("friends", terms, budgetOf(1000), func(d *database.Declaration) { d.Generation, d.Policy.Generation = 2, 2 })
	s.converge()
	s.write(`INSERT INTO referral.refund (user_id, purchase_id, refund_id, amount) VALUES ('ben', '1', 'r', 4611686018427387904), ('ben', '2', 'r', 4611686018427387904);
		INSERT INTO referral.purchase (user_id, purchase_id, amount, currency) VALUES ('ben', 'new', 500, 'USD')`)
	s.converge()
	s.expect("pairs", pairs, "ben 1 Reversed Refunded", "ben 2 Reversed Refunded", "ben 3 Granted Qualified", "ben new Waiting BudgetExhausted")
}

func TestRewardsBeyondBigintWaitUnderTheLargestBudget(t *testing.T) {
	s := newShop(t)
	terms := fiveDollars()
	terms.Rewards = []reward.Reward{
		{Name: "a", Beneficiary: reward.ToReferrer, Fixed: &reward.Money{Amount: math.MaxInt64, Currency: "USD"}},
		{Name: "b", Beneficiary: reward.ToReferrer, Fixed: &reward.Money{Amount: 1, Currency: "USD"}},
	}
	s.declare("friends", terms, budgetOf(math.MaxInt64))
	s.write(annasLink + ";" + benByTouch)
	s.converge()
	s.expect("pairs", pairs, "ben p Waiting BudgetExhausted")
	s.clean()
}

func TestBudgetWhoseCounterIsNoNumberAdmitsNothing(t *testing.T) {
	s := newShop(t)
	s.declare("friends", fiveDollars(), budgetOf(1000))
	s.behind("INSERT INTO referral.credit_count (campaign, shard, currency, granted) VALUES ('friends', 3, 'USD', 'NaN')")
	s.write(annasLink + ";" + benByTouch)
	testworld.Must(t, s.engine.Converge(t.Context()))
	if got := s.rows(pairs); !slices.Equal(got, []string{"ben p Waiting BudgetExhausted"}) {
		t.Errorf("pairs: %v", got)
	}
}
