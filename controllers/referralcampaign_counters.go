package controllers

import (
	"context"
	"math/big"
	"slices"
	"strings"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
	"github.com/referral-operator/referral-operator/internal/database"
	"github.com/referral-operator/referral-operator/internal/reward"
)

// reportCounters reports the counters of the snapshot. Without a snapshot the counters that an
// earlier process or leader reported stay.
func (r *ReferralCampaignReconciler) reportCounters(_ context.Context, s *campaignScope) error {
	status, counters := &s.campaign.Status, &s.counters
	if !s.reported || counters.Name == "" && status.Pairs != nil {
		return nil
	}
	status.Pairs = &v1alpha1.PairCounts{
		AwaitingPurchase: counters.AwaitingPurchase,
		Waiting:          counters.Waiting,
		Held:             counters.Held,
		Granted:          counters.Granted,
		Reversed:         counters.Reversed,
	}
	budget := s.desired.budget
	if s.desired.terms == nil {
		budget = (*reward.Money)(counters.Budget) // the spec's budget is not in force, or was declared before the policy went missing
	}
	status.Credits = creditsOf(counters.Credits, s.shownCurrencies(), budget)
	status.Credit = summary(status.Credits, budget)
	status.LastSyncTime = timeOf(counters.ChangedAt)
	status.LastResyncTime = timeOf(counters.Resync.EndedAt)
	status.LastHandledReconcileAt = answeredRequest(s.campaign, &counters.Resync)
	status.DriftCorrected = counters.Resync.DriftCorrected
	status.ConditionErrors = counters.ConditionErrors
	return nil
}

// answeredRequest is the annotation that was answered last. The database may have only its digest.
func answeredRequest(campaign *v1alpha1.ReferralCampaign, resync *database.ResyncStatus) string {
	for _, request := range []string{campaign.Annotations[v1alpha1.RequestedAtAnnotation], campaign.Status.LastHandledReconcileAt} {
		if resync.Answers(request) {
			return request
		}
	}
	return resync.Handled
}

// shownCurrencies are the currencies in which a campaign shows zero before it has granted anything:
// those that its policy fixes. Without its policy a campaign goes on showing the currencies that it
// shows.
func (s *campaignScope) shownCurrencies() []string {
	if s.desired.terms != nil {
		return s.desired.terms.FixedCurrencies()
	}
	var currencies []string
	for _, credit := range s.campaign.Status.Credits {
		currencies = append(currencies, credit.Currency)
	}
	return currencies
}

// creditsOf are the sums by currency, with zeros for the shown currencies and the budget's. If they
// are more than a status may have, these come first.
func creditsOf(sums []database.CreditStatus, shown []string, budget *reward.Money) []v1alpha1.CurrencyCredit {
	if budget != nil {
		shown = append([]string{budget.Currency}, shown...)
	}
	for _, currency := range shown {
		if !slices.ContainsFunc(sums, func(sum database.CreditStatus) bool { return sum.Currency == currency }) {
			sums = append(slices.Clone(sums), sumOf(sums, currency))
		}
	}
	credits := make([]v1alpha1.CurrencyCredit, 0, len(sums))
	for _, sum := range sums {
		credit := creditOf(sum)
		if budget != nil && budget.Currency == sum.Currency {
			credit.BudgetRemaining = reward.FormatSum(reward.BudgetRemaining(budget, sum.Granted, sum.Held), sum.Currency)
		}
		credits = append(credits, credit)
	}
	byCode := func(a, b v1alpha1.CurrencyCredit) int { return strings.Compare(a.Currency, b.Currency) }
	slices.SortFunc(credits, byCode)
	if len(credits) > v1alpha1.MaxCreditCurrencies {
		rank := func(credit v1alpha1.CurrencyCredit) int {
			if at := slices.Index(shown, credit.Currency); at >= 0 {
				return at
			}
			return len(shown)
		}
		slices.SortStableFunc(credits, func(a, b v1alpha1.CurrencyCredit) int { return rank(a) - rank(b) })
		credits = credits[:v1alpha1.MaxCreditCurrencies]
		slices.SortFunc(credits, byCode)
	}
	return credits
}

func creditOf(sum database.CreditStatus) v1alpha1.CurrencyCredit {
	return v1alpha1.CurrencyCredit{
		Currency: sum.Currency,
		Granted:  reward.FormatSum(sum.Granted, sum.Currency),
		Held:     reward.FormatSum(sum.Held, sum.Currency),
		Reversed: reward.FormatSum(sum.Reversed, sum.Currency),
	}
}

// sumOf is the sum in one currency; zeros: nothing was granted, held or reversed in it.
func sumOf(sums []database.CreditStatus, currency string) database.CreditStatus {
	at := slices.IndexFunc(sums, func(sum database.CreditStatus) bool { return sum.Currency == currency })
	if at < 0 {
		return database.CreditStatus{Currency: currency, Granted: new(big.Int), Held: new(big.Int), Reversed: new(big.Int)}
	}
	return sums[at]
}

// summary is the granted credit for people: "5.00 USD, 700 JPY", with the budget's currency first.
func summary(credits []v1alpha1.CurrencyCredit, budget *reward.Money) string {
	var amounts []string
	for _, credit := range credits {
		amount := credit.Granted + " " + credit.Currency
		if budget != nil && budget.Currency == credit.Currency {
			amounts = slices.Insert(amounts, 0, amount)
			continue
		}
		amounts = append(amounts, amount)
	}
	return strings.Join(amounts, ", ")
}
