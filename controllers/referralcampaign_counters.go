package controllers

import (
	"math/big"
	"slices"
	"strings"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
	"github.com/referral-operator/referral-operator/internal/database"
	"github.com/referral-operator/referral-operator/internal/reward"
)

// count reports the counters that the reconciler of the database has read last. Before it has read any, those of the
// replica that led before stay.
func (r *ReferralCampaignReconciler) count(campaign *v1alpha1.ReferralCampaign, adb *v1alpha1.AttributionDatabase, follows followed) {
	report, ok := r.registry.Report(client.ObjectKeyFromObject(adb))
	if !ok {
		return
	}
	var counters database.CampaignStatus // zero for a campaign that was declared after the report
	at := slices.IndexFunc(report.Campaigns, func(c database.CampaignStatus) bool { return c.Name == campaign.Name })
	if at >= 0 {
		counters = report.Campaigns[at]
	} else if campaign.Status.Pairs != nil {
		return
	}
	campaign.Status.Pairs = &v1alpha1.PairCounts{
		AwaitingPurchase: counters.AwaitingPurchase,
		Waiting:          counters.Waiting,
		Held:             counters.Held,
		Granted:          counters.Granted,
		Reversed:         counters.Reversed,
	}
	campaign.Status.Credits = creditsOf(counters.Credits, promised(campaign, follows.terms))
	campaign.Status.Credit = summary(campaign.Status.Credits)
	campaign.Status.LastSyncTime = timeOf(counters.ChangedAt)
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
		if reward.Fixed != nil {
			currencies = append(currencies, reward.Fixed.Currency)
		}
	}
	return currencies
}

func creditsOf(sums []database.CreditStatus, promised []string) []v1alpha1.CurrencyCredit {
	for _, currency := range promised {
		if !slices.ContainsFunc(sums, func(sum database.CreditStatus) bool { return sum.Currency == currency }) {
			zero := new(big.Int)
			sums = append(slices.Clone(sums), database.CreditStatus{Currency: currency, Granted: zero, Held: zero, Reversed: zero})
		}
	}
	credits := make([]v1alpha1.CurrencyCredit, 0, len(sums))
	for _, sum := range sums {
		credits = append(credits, v1alpha1.CurrencyCredit{
			Currency: sum.Currency,
			Granted:  reward.FormatSum(sum.Granted, sum.Currency),
			Held:     reward.FormatSum(sum.Held, sum.Currency),
			Reversed: reward.FormatSum(sum.Reversed, sum.Currency),
		})
	}
	slices.SortFunc(credits, func(a, b v1alpha1.CurrencyCredit) int { return strings.Compare(a.Currency, b.Currency) })
	return credits
}

// summary is what was granted, for people: "5.00 USD, 700 JPY".
func summary(credits []v1alpha1.CurrencyCredit) string {
	var amounts []string
	for _, credit := range credits {
		amounts = append(amounts, credit.Granted+" "+credit.Currency)
	}
	return strings.Join(amounts, ", ")
}
