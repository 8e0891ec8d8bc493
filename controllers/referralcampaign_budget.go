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
	s.success.message = fmt.Sprintf("in force, and the budget of %s %s is used up: %s %s are left, %d pairs wait; they are admitted in their "+
		"order when credits are reversed or spec.budget is raised", reward.FormatAmount(budget.Amount, budget.Currency), budget.Currency,
		reward.FormatSum(remaining, budget.Currency), budget.Currency, s.counters.Waiting)
	return nil
}
