package controllers

import (
	"errors"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
	"github.com/referral-operator/referral-operator/internal/hosting"
)

// The database may become Ready while the plan is reconciled for the first time: nothing wakes the
// plan then.
func TestPlanLooksAgainForADatabaseThatIsAway(t *testing.T) {
	plan := &v1alpha1.RewardPlan{ObjectMeta: metav1.ObjectMeta{Namespace: "growth", Name: "raise", CreationTimestamp: metav1.Now()}}
	r := &RewardPlanReconciler{plans: hosting.NewPlans(nil), now: time.Now}
	for rest, longest := range map[time.Duration]time.Duration{planDeadline: time.Minute, time.Second: time.Second} {
		s := newPlanScope(plan)
		s.rest, s.campaign = rest, &v1alpha1.ReferralCampaign{}
		waits, ok := errors.AsType[*waitingError](r.requireUsableDatabase(t.Context(), s))
		if !ok || waits.requeueAfter <= 0 || waits.requeueAfter > longest {
			t.Errorf("%s before its deadline: %+v", rest, waits)
		}
	}
}
