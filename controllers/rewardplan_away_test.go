package controllers

import (
	"errors"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
	"github.com/referral-operator/referral-operator/internal/hosting"
)

// The database may become Ready while the plan is reconciled for the first time: nothing wakes the
// plan then. Nor does anything wake a plan at its deadline.
func TestPlanIsReconciledAgainWhileItsDatabaseIsAwayAndAtItsDeadline(t *testing.T) {
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	for rest, longest := range map[time.Duration]time.Duration{planDeadline: 2 * databaseAwayInterval, time.Second: time.Second} {
		plan := &v1alpha1.RewardPlan{ObjectMeta: metav1.ObjectMeta{
			Namespace: "growth", Name: "raise", CreationTimestamp: metav1.NewTime(time.Date(2026, time.November, 1, 12, 0, 0, 0, time.UTC)),
		}}
		plan.Spec.Proposed = &v1alpha1.ProposedEdit{
			Campaign: &v1alpha1.ReferralCampaignSpec{},
			Policy: &v1alpha1.RewardPolicySpec{Rewards: []v1alpha1.Reward{{
				Name: "inviter", Beneficiary: v1alpha1.Referrer, Fixed: &v1alpha1.Money{Amount: "5.00", Currency: "USD"},
			}}},
		}
		setReady(plan, metav1.ConditionFalse, v1alpha1.PendingReason, "") // it has been admitted
		c := fake.NewClientBuilder().WithScheme(scheme).WithObjects(plan).WithStatusSubresource(plan).Build()
		now := plan.CreationTimestamp.Add(planDeadline - rest)
		r := &RewardPlanReconciler{
			client: c, live: c, reporter: newReporter(c, newRecorder(c), time.Now), plans: hosting.NewPlans(nil),
			now: func() time.Time { return now },
		}
		for range 20 { // intervals are spread
			result, err := r.Reconcile(t.Context(), ctrl.Request{NamespacedName: client.ObjectKeyFromObject(plan)})
			if err != nil || result.RequeueAfter <= 0 || result.RequeueAfter > longest {
				t.Fatalf("%s before its deadline: reconciled again after %s, %v", rest, result.RequeueAfter, err)
			}
		}
		get(t, c, client.ObjectKeyFromObject(plan), plan)
		if ready := readyCondition(plan); ready.Reason != v1alpha1.PendingReason || ready.Message == "" {
			t.Errorf("%+v", ready)
		}
	}
}

// The cache lacks what a plan proposes. What another plan of its name proposes is not planned
// instead.
func TestPlanIsOfItsOwnEdit(t *testing.T) {
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	live := &v1alpha1.RewardPlan{ObjectMeta: metav1.ObjectMeta{Namespace: "growth", Name: "raise", UID: "b"}}
	live.Spec.Proposed = &v1alpha1.ProposedEdit{Campaign: &v1alpha1.ReferralCampaignSpec{}}
	c := fake.NewClientBuilder().WithScheme(scheme).WithObjects(live).Build()
	r := &RewardPlanReconciler{client: c, live: c}
	for uid, own := range map[types.UID]bool{"a": false, "b": true} {
		s := newPlanScope(&v1alpha1.RewardPlan{ObjectMeta: metav1.ObjectMeta{Namespace: "growth", Name: "raise", UID: uid}})
		err := r.read(t.Context(), s)
		if wait, waits := errors.AsType[*waitingError](err); waits == own || waits && wait.shown != never || own && err != nil {
			t.Errorf("plan %s: %v", uid, err)
		}
		if planned := s.proposed().Campaign != nil; planned != own {
			t.Errorf("plan %s: its edit is planned: %t", uid, planned)
		}
	}
}
