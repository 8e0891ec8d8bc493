package controllers

import (
	"fmt"
	"math/big"
	"slices"
	"testing"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
	"github.com/referral-operator/referral-operator/internal/database"
	"github.com/referral-operator/referral-operator/internal/reward"
)

// A database may have sums in as many currencies as its purchases have.
func TestStatusListsTheCurrenciesOfBudgetAndPolicyOfMany(t *testing.T) {
	var sums []database.CreditStatus
	for i := range 40 {
		sums = append(sums, database.CreditStatus{
			Currency: fmt.Sprintf("A%c%c", 'A'+i/26, 'A'+i%26), Granted: big.NewInt(1), Held: big.NewInt(0), Reversed: big.NewInt(0),
		})
	}
	sums = append(sums, database.CreditStatus{Currency: "ZAR", Granted: big.NewInt(700), Held: big.NewInt(0), Reversed: big.NewInt(0)})
	credits := creditsOf(sums, []string{"USD", "ZAR"}, &reward.Money{Amount: 1000, Currency: "ZMW"})
	var want []string
	for i := range 29 {
		want = append(want, sums[i].Currency)
	}
	want = append(want, "USD", "ZAR", "ZMW")
	var got []string
	for _, credit := range credits {
		got = append(got, credit.Currency)
	}
	if !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if zar := credits[30]; zar.Granted != "7.00" {
		t.Errorf("%+v", zar)
	}
}

func TestStatusShowsTheAnsweredAnnotationItself(t *testing.T) {
	const request = "Tue Dec  1 10:00:00 UTC 2026"
	recorded := database.ResyncStatus{Handled: "sha256:d24a7087eb8f6153fdd69ab076a4e61ea525c5bee07f4c57bd2f57fe6e1ddd28"}
	for name, test := range map[string]struct {
		annotation, before, want string
		resync                   database.ResyncStatus
	}{
		"an answered annotation":                  {annotation: request, resync: recorded, want: request},
		"an annotation that waits for its answer": {annotation: "next", before: request, resync: recorded, want: request},
		"no annotation any more":                  {before: request, resync: recorded, want: request},
		"an answer that was requested otherwise":  {before: request, resync: database.ResyncStatus{Handled: "now"}, want: "now"},
		"nothing was requested":                   {},
	} {
		campaign := &v1alpha1.ReferralCampaign{}
		campaign.Annotations = map[string]string{v1alpha1.RequestedAtAnnotation: test.annotation}
		campaign.Status.LastHandledReconcileAt = test.before
		if got := answeredRequest(campaign, &test.resync); got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}
