package controllers

import (
	"slices"
	"strings"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
	"github.com/referral-operator/referral-operator/internal/database"
)

const (
	// mostCurrencies bounds the currencies of one campaign that have series.
	mostCurrencies = 4

	// otherCurrency is the label of the sum of all further currencies.
	otherCurrency = "other"
)

// shownCredit is a campaign's credit in one currency, or in all further ones.
type shownCredit struct {
	currency          string
	granted, reversed float64
}

// allCredits are a campaign's credits in all currencies. A status that has as many as it may have may
// lack some, which the report has.
func allCredits(credits []v1alpha1.CurrencyCredit, report *database.CampaignStatus) []v1alpha1.CurrencyCredit {
	if report == nil || len(credits) < v1alpha1.MaxCreditCurrencies {
		return credits
	}
	all := slices.Clone(credits)
	for _, sum := range report.Credits {
		if !slices.ContainsFunc(credits, func(c v1alpha1.CurrencyCredit) bool { return c.Currency == sum.Currency }) {
			all = append(all, creditOf(sum))
		}
	}
	return all
}

// shownCredits are the credits that have series, one for each label: the budget's currency first,
// then by currency. The last one is the sum of all that are too many.
func shownCredits(credits []v1alpha1.CurrencyCredit, budget *v1alpha1.Money) []shownCredit {
	sorted := slices.Clone(credits)
	slices.SortStableFunc(sorted, func(a, b v1alpha1.CurrencyCredit) int {
		if budget != nil && a.Currency != b.Currency {
			switch budget.Currency {
			case a.Currency:
				return -1
			case b.Currency:
				return 1
			}
		}
		return strings.Compare(a.Currency, b.Currency)
	})
	var shown []shownCredit
	for i, credit := range sorted {
		label := credit.Currency
		if len(sorted) > mostCurrencies && i >= mostCurrencies-1 {
			label = otherCurrency
		}
		at := slices.IndexFunc(shown, func(s shownCredit) bool { return s.currency == label })
		if at < 0 { // else there would be two equal series, and no scrape would succeed
			at = len(shown)
			shown = append(shown, shownCredit{currency: label})
		}
		shown[at].granted += numberOf(credit.Granted)
		shown[at].reversed += numberOf(credit.Reversed)
	}
	return shown
}
