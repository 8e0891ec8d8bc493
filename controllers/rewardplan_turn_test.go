package controllers

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
	"github.com/referral-operator/referral-operator/internal/engine"
	"github.com/referral-operator/referral-operator/internal/hosting"
)

// Plans of three namespaces never end: one of them gives way, and each fails once it has run for an
// hour, however long it waited before.
func TestPlanFailsAfterAnHourOfItsOwnRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		plans := hosting.NewPlans(func(ctx context.Context, _ types.NamespacedName, _ engine.PlanRequest) (*engine.PlanResult, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		})
		ended := make(chan error)
		go func() { ended <- plans.Run(ctx) }()
		r := &RewardPlanReconciler{plans: plans, now: time.Now}
		scopes := map[string]*planScope{}
		await := func(namespace string) error {
			synctest.Wait()
			s := scopes[namespace]
			if err := r.keepDeadline(ctx, s); err != nil {
				return err
			}
			return r.await(ctx, s)
		}
		waits := func(namespace, reason, message string) {
			t.Helper()
			wait, ok := errors.AsType[*waitingError](await(namespace))
			if !ok || wait.reason != reason || !strings.Contains(wait.Error(), message) || wait.requeueAfter <= 0 {
				t.Errorf("namespace %s, after %s: %+v", namespace, r.now().Sub(scopes["a"].plan.CreationTimestamp.Time), wait)
			}
		}
		for _, namespace := range []string{"a", "b", "c"} {
			s := newPlanScope(&v1alpha1.RewardPlan{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "raise", CreationTimestamp: metav1.Now()}})
			s.campaign, s.adb = &v1alpha1.ReferralCampaign{}, &v1alpha1.AttributionDatabase{}
			scopes[namespace] = s
			_ = await(namespace)
		}
		waits("a", v1alpha1.RunningReason, "")
		waits("b", v1alpha1.RunningReason, "")
		waits("c", v1alpha1.PendingReason, "waiting for other plans")
		time.Sleep(10 * time.Minute)
		waits("a", v1alpha1.RunningReason, "")
		waits("b", v1alpha1.PendingReason, "has given way to plans of other namespaces")
		waits("c", v1alpha1.RunningReason, "")
		for _, end := range []struct {
			namespace string
			after     time.Duration
		}{{"a", 50 * time.Minute}, {"c", 10 * time.Minute}, {"b", 50 * time.Minute}} { // b starts again when a has ended
			time.Sleep(end.after)
			stall, ok := errors.AsType[*stalledError](await(end.namespace))
			if !ok || stall.reason != v1alpha1.DeadlineExceededReason || !strings.Contains(stall.Error(), "the run has not ended within 1h0m0s") {
				t.Errorf("namespace %s: %v", end.namespace, stall)
			}
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}
