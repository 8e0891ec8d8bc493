package controllers

import (
	"slices"
	"strings"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
	"github.com/referral-operator/referral-operator/internal/database"
	"github.com/referral-operator/referral-operator/internal/reward"
)

// counters are those that the reconciler of the database has read last; false: it has read none. They are zero for a
// campaign that was declared after that.
func (r *ReferralCampaignReconciler) counters(
	campaign *v1alpha1.ReferralCampaign, adb *v1alpha1.AttributionDatabase,
) (database.CampaignStatus, bool) {
	report, ok := r.registry.Report(client.ObjectKeyFromObject(adb))
	return find(report, campaign.Name), ok
}

func find(status database.Status, campaign string) database.CampaignStatus {
	at := slices.IndexFunc(status.Campaigns, func(c database.CampaignStatus) bool { return c.Name == campaign })
	if at < 0 {
		return database.CampaignStatus{}
	}
	return status.Campaigns[at]
}

// count reports the counters. Before there are any, those of the replica that led before stay.
func (r *ReferralCampaignReconciler) count(campaign *v1alpha1.ReferralCampaign, adb *v1alpha1.AttributionDatabase, follows followed) {
	counters, ok := r.counters(campaign, adb)
	if !ok || counters.Name == "" && campaign.Status.Pairs != nil {
		return
	}
	campaign.Status.Pairs = &v1alpha1.PairCounts{
		AwaitingPurchase: counters.AwaitingPurchase,
		Waiting:          counters.Waiting,
		Held:             counters.Held,
		Granted:          counters.Granted,
		Reversed:         counters.Reversed,
	}
	budget := follows.budget
	if follows.terms == nil {
		budget = (*reward.Money)(counters.Budget) // what the spec says of it is not declared, or was before
	}
	campaign.Status.Credits = creditsOf(counters.Credits, promised(campaign, follows.terms), budget)
	campaign.Status.Credit = summary(campaign.Status.Credits, budget)
	campaign.Status.LastSyncTime = timeOf(counters.ChangedAt)
	campaign.Status.LastResyncTime = timeOf(counters.Resync.EndedAt)
	campaign.Status.LastHandledReconcileAt = counters.Resync.Handled
	campaign.Status.DriftCorrected = counters.Resync.DriftCorrected
	campaign.Status.ConditionErrors = counters.ConditionErrors
}

// promised are the currencies in which a policy is certain to grant something, so that a campaign shows a zero of them
// before it has granted anything. Without its policy a campaign goes on showing those it shows.
func promised(campaign *v1alpha1.ReferralCampaign, terms *reward.Terms) []string {
	var currencies []string
	if terms == nil {
		for _, credit := range campaign.Status.Credits {
			currencies = append(currencies, credit.Currency)
		}
		return currencies
	}
	for _, reward := range terms.Rewards {
		switch {
		case reward.Fixed != nil:
			currencies = append(currencies, reward.Fixed.Currency)
		case len(reward.Tiers) > 0:
			currencies = append(currencies, reward.Tiers[0].Fixed.Currency)
		}
	}
	return currencies
}

func creditsOf(sums []database.CreditStatus, promised []string, budget *reward.Money) []v1alpha1.CurrencyCredit {
	if budget != nil {
		promised = append(promised, budget.Currency)
	}
	for _, currency := range promised {
		if !slices.ContainsFunc(sums, func(sum database.CreditStatus) bool { return sum.Currency == currency }) {
			sums = append(slices.Clone(sums), sumOf(sums, currency))
		}
	}
	credits := make([]v1alpha1.CurrencyCredit, 0, len(sums))
	for _, sum := range sums {
		credit := v1alpha1.CurrencyCredit{
			Currency: sum.Currency,
			Granted:  reward.FormatSum(sum.Granted, sum.Currency),
			Held:     reward.FormatSum(sum.Held, sum.Currency),
			Reversed: reward.FormatSum(sum.Reversed, sum.Currency),
		}
		if budget != nil && budget.Currency == sum.Currency {
			credit.BudgetRemaining = reward.FormatSum(remaining(budget, sum), sum.Currency)
		}
		credits = append(credits, credit)
	}
	slices.SortFunc(credits, func(a, b v1alpha1.CurrencyCredit) int { return strings.Compare(a.Currency, b.Currency) })
	return credits
}

// summary is what was granted, for people: "5.00 USD, 700 JPY". The budget's currency comes first.
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
