package controllers

import (
	"context"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
	"github.com/referral-operator/referral-operator/internal/hosting"
	"github.com/referral-operator/referral-operator/internal/postgres"
)

// notServing is a registry whose database is connected and not served.
type notServing struct{ vanishingReport }

func (notServing) Use(context.Context, types.NamespacedName, func(context.Context, *postgres.DB) error) error {
	return hosting.ErrNotServing
}

// A suspended database is not migrated, so after an upgrade of the operator it may not be served
// until it is resumed.
func TestSuspendedDatabaseThatIsNotServedLeavesItsCampaignsReady(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		suspended, edited bool
		reason            string
	}{
		"suspended":                       {suspended: true, reason: v1alpha1.ReadyReason},
		"suspended, the campaign edited":  {suspended: true, edited: true, reason: v1alpha1.DatabaseNotReadyReason},
		"neither suspended nor served":    {reason: v1alpha1.DatabaseNotReadyReason},
		"not served, and the spec edited": {edited: true, reason: v1alpha1.DatabaseNotReadyReason},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, key := newCampaignReconciler(t, &notServing{vanishingReport{changes: hosting.NewFeed()}})
			now := time.Date(2026, time.November, 1, 12, 0, 0, 0, time.UTC)
			r.now = func() time.Time { return now }
			var adb v1alpha1.AttributionDatabase
			if err := r.client.Get(t.Context(), types.NamespacedName{Namespace: key.Namespace, Name: "shop"}, &adb); err != nil {
				t.Fatal(err)
			}
			adb.Spec.Suspend = test.suspended
			if err := r.client.Update(t.Context(), &adb); err != nil {
				t.Fatal(err)
			}
			var campaign v1alpha1.ReferralCampaign
			if err := r.client.Get(t.Context(), key, &campaign); err != nil {
				t.Fatal(err)
			}
			campaign.Status.ObservedGeneration = campaign.Generation
			if test.edited {
				campaign.Status.ObservedGeneration--
			}
			setReady(&campaign, metav1.ConditionTrue, v1alpha1.ReadyReason, "in force")
			if err := r.client.Status().Update(t.Context(), &campaign); err != nil {
				t.Fatal(err)
			}
			for range 3 {
				if _, err := r.Reconcile(t.Context(), ctrl.Request{NamespacedName: key}); err != nil {
					t.Fatal(err)
				}
				now = now.Add(outagePatience)
			}
			if err := r.client.Get(t.Context(), key, &campaign); err != nil {
				t.Fatal(err)
			}
			ready := readyCondition(&campaign)
			if ready.Reason != test.reason {
				t.Errorf("%+v", ready)
			}
			says := strings.Contains(ready.Message, "nothing is decided until spec.suspend of AttributionDatabase growth/shop is false")
			if want := test.suspended && test.edited; says != want {
				t.Errorf("message: %s", ready.Message)
			}
		})
	}
}
