package controllers

import (
	"context"
	"fmt"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
	"github.com/referral-operator/referral-operator/internal/reward"
)

// reportBudget reports a used up budget, with which a campaign is Ready. Conditions:
// BudgetExhausted.
func (r *ReferralCampaignReconciler) reportBudget(_ context.Context, s *campaignScope) error {
	budget := s.desired.budget
	if budget == nil {
		return nil
	}
	used := sumOf(s.counters.Credits, budget.Currency)
	remaining := reward.BudgetRemaining(budget, used.Granted, used.Held)
	if !s.desired.terms.BudgetExhausted(remaining, s.counters.Waiting) {
		return nil
	}
	s.success.reason = v1alpha1.BudgetExhaustedReason
	whole := reward.FormatAmount(budget.Amount, budget.Currency) + " " + budget.Currency
	left := "the budget of " + whole + " is used up"
	if remaining.Sign() > 0 {
		lacks := "is too little for another pair"
		if !s.desired.terms.TooLittleForAPair(remaining) {
			lacks = "is not enough for the waiting pairs, unless these pairs are still being admitted, or are set aside (see status.setAside of AttributionDatabase " +
				s.databaseName().Name + ")"
		}
		left = fmt.Sprintf("the remaining %s %s of the budget of %s %s", reward.FormatSum(remaining, budget.Currency), budget.Currency, whole, lacks)
	}
	waiting := "further pairs wait and are"
	if s.counters.Waiting > 0 {
		waiting = plural(s.counters.Waiting, "pair waits and is", "pairs wait and are")
	}
	s.success.message = fmt.Sprintf("in force, and %s; %s admitted in order when credits are reversed or spec.budget is raised", left, waiting)
	return nil
}
