package engine_test

import (
	"testing"
	"time"

	"github.com/referral-operator/referral-operator/internal/database"
	"github.com/referral-operator/referral-operator/internal/reward"
)

// An edit cannot make an admitted pair, whose purchase is in another currency, earn credit outside
// the budget.
func TestEditLeavesNoCreditOutsideTheBudget(t *testing.T) {
	share := reward.Terms{
		Purchases: reward.FirstPurchase,
		Rewards:   []reward.Reward{{Name: "inviter", Beneficiary: reward.ToReferrer, Percentage: &reward.Percentage{Rate: "10"}}},
	}
	for name, c := range map[string]struct {
		hold  time.Duration
		scope string
	}{
		"granted, AllPairs": {0, "AllPairs"},
		"held, AllPairs":    {time.Hour, "AllPairs"},
		"held, HeldPairs":   {time.Hour, "HeldPairs"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newShop(t)
			budget := func(d *database.Declaration) { d.Budget = &database.Money{Amount: 10_000, Currency: "USD"} }
			first := fiveDollars()
			first.HoldPeriod, share.HoldPeriod = c.hold, c.hold
			s.declare("invite", first, budget)
			for _, fact := range []string{link, typed} {
				s.write(fact)
			}
			s.write(`INSERT INTO referral.purchase (user_id, purchase_id, amount, currency) VALUES ('bob', 'p1', 2500, 'EUR')`)
			s.converge()
			s.expect("admitted", "SELECT currency, amount FROM referral.credit", "USD 500")

			s.declare("invite", share, budget, func(d *database.Declaration) { d.Policy.Generation, d.Scope = 2, c.scope })
			s.converge()
			s.expect("pairs", pairs, "bob p1 Reversed CurrencyMismatch")
			s.expect("credits", "SELECT currency, amount FROM referral.credit")
			s.expect("balances", balances)
			s.atRest()
			s.expect("pairs after a comparison", pairs, "bob p1 Reversed CurrencyMismatch")

			// Without the budget it counts again.
			s.declare("invite", share, func(d *database.Declaration) { d.Policy.Generation, d.Generation, d.Scope = 2, 2, c.scope })
			s.converge()
			s.expect("without the budget", "SELECT currency, amount FROM referral.credit", "EUR 250")
		})
	}
}

// Nor can a correction of the purchase.
func TestCorrectedPurchaseLeavesNoCreditOutsideTheBudget(t *testing.T) {
	for name, hold := range map[string]time.Duration{"granted": 0, "held": time.Hour} {
		t.Run(name, func(t *testing.T) {
			s := newShop(t)
			s.declare("invite", reward.Terms{
				Purchases: reward.FirstPurchase, HoldPeriod: hold,
				Rewards: []reward.Reward{{Name: "inviter", Beneficiary: reward.ToReferrer, Percentage: &reward.Percentage{Rate: "10"}}},
			}, func(d *database.Declaration) { d.Budget = &database.Money{Amount: 10_000, Currency: "USD"} })
			for _, fact := range []string{link, typed} {
				s.write(fact)
			}
			s.write(`INSERT INTO referral.purchase (user_id, purchase_id, amount, currency) VALUES ('bob', 'p1', 2500, 'USD')`)
			s.converge()
			s.expect("admitted", "SELECT currency, amount FROM referral.credit", "USD 250")

			s.write(`UPDATE referral.purchase SET currency = 'EUR', amount = 1000000000`)
			s.converge()
			s.expect("pairs", pairs, "bob p1 Reversed CurrencyMismatch")
			s.expect("credits", "SELECT currency, amount FROM referral.credit")
			s.expect("balances", balances)
			s.atRest()

			s.write(`UPDATE referral.purchase SET currency = 'USD', amount = 3000`)
			s.converge()
			s.expect("corrected again", "SELECT currency, amount FROM referral.credit", "USD 300")
		})
	}
}
