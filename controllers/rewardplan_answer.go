package controllers

import (
	"context"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"time"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
	"github.com/referral-operator/referral-operator/internal/reward"
	"github.com/referral-operator/referral-operator/internal/terms"
)

// answer reports the result of the plan. Conditions: Done.
func (r *RewardPlanReconciler) answer(_ context.Context, s *planScope) error {
	status, result := &s.plan.Status, s.result
	effects, forward := s.movements(), result.Forward

	status.From, status.To = timeOf(result.From), timeOf(result.To.Add(time.Second-1)) // a status has whole seconds
	status.StepDigest = result.StepDigest
	status.Estimate = result.Estimate
	status.Pairs = &v1alpha1.PlannedPairs{
		Granted:   result.Pairs.Granted,
		Reversed:  result.Pairs.Reversed,
		Held:      result.Pairs.Held,
		Waiting:   result.Pairs.Waiting,
		Unchanged: result.Pairs.Unchanged,
	}
	status.Grant = s.forPeople(effects, func(e *reward.Effects) *big.Int { return e.GrantedUp })
	status.Reverse = s.forPeople(effects, func(e *reward.Effects) *big.Int { return e.GrantedDown })
	s.success.message = s.describe(len(effects), len(forward))

	status.Effects, status.Forward, status.Reasons, status.Largest = nil, nil, nil, nil
	for _, e := range effects[:min(len(effects), v1alpha1.MaxPlanCurrencies)] {
		status.Effects = append(status.Effects, v1alpha1.PlanEffect{
			Currency: e.Currency,
			Granted:  v1alpha1.PlanMovement{Up: reward.FormatSum(e.GrantedUp, e.Currency), Down: reward.FormatSum(e.GrantedDown, e.Currency)},
			Held:     v1alpha1.PlanMovement{Up: reward.FormatSum(e.HeldUp, e.Currency), Down: reward.FormatSum(e.HeldDown, e.Currency)},
		})
	}
	for _, f := range forward[:min(len(forward), v1alpha1.MaxPlanCurrencies)] {
		status.Forward = append(status.Forward, v1alpha1.PlanForward{Currency: f.Currency, Last30Days: v1alpha1.PlanComparison{
			InForce: reward.FormatSum(f.InForce, f.Currency), Proposed: reward.FormatSum(f.Proposed, f.Currency),
		}})
	}
	for _, count := range result.Reasons {
		status.Reasons = append(status.Reasons, v1alpha1.PlannedReason{Reason: string(count.Reason), Pairs: count.Pairs})
	}
	for _, d := range result.Largest {
		change := reward.FormatSum(d.Change, d.Currency)
		if d.Change.Sign() > 0 {
			change = "+" + change
		}
		status.Largest = append(status.Largest, v1alpha1.PlannedDifference{
			BeneficiaryID: d.BeneficiaryID, Currency: d.Currency, Change: change,
		})
	}
	return nil
}

// movements are the effects by currency, with zeros for the currencies of the budget and of fixed
// rewards.
func (s *planScope) movements() []reward.Effects {
	effects := slices.Clone(s.result.Effects)
	var about []string
	if s.desired.terms != nil {
		about = s.desired.terms.FixedCurrencies()
	}
	if budget := s.campaign.Spec.Budget; budget != nil {
		about = append(about, budget.Currency)
	}
	for _, currency := range about {
		if !slices.ContainsFunc(effects, func(e reward.Effects) bool { return e.Currency == currency }) {
			effects = append(effects, reward.Effects{
				Currency: currency, GrantedUp: new(big.Int), GrantedDown: new(big.Int), HeldUp: new(big.Int), HeldDown: new(big.Int),
			})
		}
	}
	slices.SortFunc(effects, func(a, b reward.Effects) int { return strings.Compare(a.Currency, b.Currency) })
	return effects
}

// forPeople lists one sum of each currency, the budget's currency first, and of at most
// MaxPlanCurrencies: a text of more could be too long for a status.
func (s *planScope) forPeople(effects []reward.Effects, sum func(*reward.Effects) *big.Int) string {
	var amounts []string
	for i := range effects {
		e := &effects[i]
		amount := reward.FormatSum(sum(e), e.Currency) + " " + e.Currency
		if budget := s.campaign.Spec.Budget; budget != nil && budget.Currency == e.Currency {
			amounts = slices.Insert(amounts, 0, amount)
			continue
		}
		amounts = append(amounts, amount)
	}
	if len(amounts) == 0 {
		return "0"
	}
	return strings.Join(amounts[:min(len(amounts), v1alpha1.MaxPlanCurrencies)], ", ")
}

// describe says in a sentence what the edit would do, and warns of what may surprise.
func (s *planScope) describe(effects, forward int) string {
	message := fmt.Sprintf("would grant %s and reverse %s", s.plan.Status.Grant, s.plan.Status.Reverse)
	var warnings []string
	if s.result.RollingOut {
		warnings = append(warnings, "a rollout of the campaign is not over: the sums change as it goes on")
	}
	if s.result.Pending > 0 {
		warnings = append(warnings, plural(s.result.Pending, "user has", "users have")+
			" changes or ended holds that are not decided yet: the sums include what these move without the edit")
	}
	switch {
	case !s.proposed().Delete:
		warnings = append(warnings, terms.Warnings(&s.policy.Spec)...)
		if s.editsTerms() && s.policy.Spec.RevisionScope == v1alpha1.NewPairs && s.movesNoPair() {
			message += "; revisionScope is NewPairs: no existing pair moves, and status.forward says what new pairs earn"
		}
	case s.campaign.Spec.DeletionPolicy != v1alpha1.ReverseCredits:
		warnings = append(warnings, "the campaign's spec.deletionPolicy is not Reverse: set it to Reverse first, since deleting the campaign now "+
			"takes nothing back")
	}
	switch {
	case s.adb.Suspended():
		warnings = append(warnings, suspendedDatabase(s.adb))
	case s.campaign.Suspended() && !s.proposed().Delete: // a deletion does not wait
		warnings = append(warnings, "the campaign is suspended: this happens once it is resumed")
	}
	if more := max(effects, forward) - v1alpha1.MaxPlanCurrencies; more > 0 {
		warnings = append(warnings, plural(int64(more), "further currency is", "further currencies are")+" not listed")
	}
	return withWarnings(message, warnings)
}

// editsTerms reports whether an existing campaign gets other terms.
func (s *planScope) editsTerms() bool {
	return s.existing != nil && (s.proposed().Policy != nil || s.existing.Spec.PolicyRef != s.campaign.Spec.PolicyRef)
}

func (s *planScope) movesNoPair() bool {
	pairs := s.result.Pairs
	return pairs.Granted+pairs.Held+pairs.Waiting+pairs.Reversed == 0
}
