package controllers

import (
	"cmp"
	"fmt"
	"math/big"
	"slices"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
	"github.com/referral-operator/referral-operator/internal/database"
	"github.com/referral-operator/referral-operator/internal/reward"
)

// room tells when the budget is used up: less is left of it than any pair earns, or some wait who can wait for nothing
// else.
//
// Conditions: BudgetExhausted, with which a campaign is Ready.
func (r *ReferralCampaignReconciler) room(
	campaign *v1alpha1.ReferralCampaign, adb *v1alpha1.AttributionDatabase, follows followed, good *verdict,
) {
	if follows.budget == nil {
		return
	}
	counters, _ := r.counters(campaign, adb)
	left := remaining(follows.budget, sumOf(counters.Credits, follows.budget.Currency))
	waitForIt := counters.Waiting > 0 && follows.terms.Limits == reward.Limits{}
	if left.Cmp(least(follows.terms)) >= 0 && !waitForIt {
		return
	}
	currency := follows.budget.Currency
	good.reason = v1alpha1.BudgetExhaustedReason
	good.message = fmt.Sprintf("in force, and the budget of %s %s is used up: %s %s are left, %d pairs wait; they are admitted in their "+
		"order when credits are reversed or spec.budget is raised", reward.FormatAmount(follows.budget.Amount, currency), currency,
		reward.FormatSum(left, currency), currency, counters.Waiting)
}

// remaining is what is left of a budget. It is below zero while the budget was lowered to less than what is in use.
func remaining(budget *reward.Money, used database.CreditStatus) *big.Int {
	left := big.NewInt(budget.Amount)
	return left.Sub(left.Sub(left, used.Granted), used.Held)
}

func sumOf(sums []database.CreditStatus, currency string) database.CreditStatus {
	at := slices.IndexFunc(sums, func(sum database.CreditStatus) bool { return sum.Currency == currency })
	if at < 0 {
		return database.CreditStatus{Currency: currency, Granted: new(big.Int), Held: new(big.Int), Reversed: new(big.Int)}
	}
	return sums[at]
}

// least is what a pair earns at least: one minor unit where that depends on the purchase.
func least(terms *reward.Terms) *big.Int {
	sum := new(big.Int)
	for _, r := range terms.Rewards {
		switch {
		case r.Fixed != nil:
			sum.Add(sum, big.NewInt(r.Fixed.Amount))
		case len(r.Tiers) > 0:
			lowest := slices.MinFunc(r.Tiers, func(a, b reward.Tier) int { return cmp.Compare(a.Fixed.Amount, b.Fixed.Amount) })
			sum.Add(sum, big.NewInt(lowest.Fixed.Amount))
		}
	}
	if sum.Sign() == 0 {
		return big.NewInt(1)
	}
	return sum
}
