package controllers

import (
	"context"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
)

// Reconcilers report in a deferred function, which also runs when a phase panics.
func TestPanicInAPhaseIsReportedAsAFailure(t *testing.T) {
	campaign := &v1alpha1.ReferralCampaign{}
	reconcile := func() (err error) {
		defer func() { _, err = conclude(campaign, success{reason: v1alpha1.ReadyReason}, err) }()
		return runPhases(t.Context(), campaign, []phase[*v1alpha1.ReferralCampaign]{
			func(context.Context, *v1alpha1.ReferralCampaign) error { panic("out of range") },
		})
	}
	if err := reconcile(); err == nil {
		t.Error("the reconcile is not tried again")
	}
	ready := meta.FindStatusCondition(campaign.Status.Conditions, v1alpha1.ReadyCondition)
	if ready == nil || ready.Reason != v1alpha1.FailedReason || !strings.Contains(ready.Message, "out of range") {
		t.Errorf("Ready is %v, want a failure that names the panic", ready)
	}
}
