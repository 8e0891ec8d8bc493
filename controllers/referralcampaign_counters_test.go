package controllers

import (
	"testing"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
	"github.com/referral-operator/referral-operator/internal/database"
)

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
