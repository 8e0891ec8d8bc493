package controllers

import (
	"context"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	utilerrors "k8s.io/apimachinery/pkg/util/errors"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
	"github.com/referral-operator/referral-operator/internal/hosting"
)

const (
	// planDeadline is how long after its creation a plan may finish. It is far longer than a run may
	// take (see hosting.ErrPlanTimeout): the plans of others, and outages, use up none of a plan's time.
	planDeadline = 24 * time.Hour

	// maxUnfinishedPlans is how many plans of a namespace may be unfinished at a time.
	maxUnfinishedPlans = 20

	// defaultPlanTTL is the default of the schema.
	defaultPlanTTL = time.Hour
)

// RewardPlanReconciler answers plans. The work runs beside the reconciles, in hosting.Plans, which
// wakes the reconciler when a plan starts, progresses or ends.
//
// A plan finishes once: Done, or Stalled. Its answer is never revised, and the plan is deleted ttl
// later. So what is planned is read past the cache, which may not have what the author of the plan
// applied just before, and never has what the plan proposes.
type RewardPlanReconciler struct {
	client   client.Client
	live     client.Reader // the API server itself, past the cache
	reporter *reporter
	plans    *hosting.Plans
	now      func() time.Time
}

// +kubebuilder:rbac:groups=referral-operator.io,resources=rewardplans,verbs=get;list;watch;delete
// +kubebuilder:rbac:groups=referral-operator.io,resources=rewardplans/status,verbs=patch

// Reconcile brings one RewardPlan further.
func (r *RewardPlanReconciler) Reconcile(ctx context.Context, request ctrl.Request) (result ctrl.Result, err error) {
	var plan v1alpha1.RewardPlan
	if err := r.reporter.get(ctx, request.NamespacedName, &plan); err != nil {
		if apierrors.IsNotFound(err) {
			r.plans.Drop(request.NamespacedName)
		}
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if finished(&plan) || !plan.DeletionTimestamp.IsZero() {
		r.plans.Drop(request.NamespacedName)
		return r.expire(ctx, &plan)
	}
	before, s := plan.DeepCopy(), newPlanScope(&plan)
	defer func() {
		result, err = conclude(&plan, s.success, err)
		result.RequeueAfter = min(result.RequeueAfter, max(s.rest, 0)) // nothing else wakes the plan at its deadline
		reported := r.reporter.report(ctx, before, &plan)
		if finished(&plan) {
			result.RequeueAfter = ttlOf(&plan)
			if reported == nil {
				r.plans.Drop(request.NamespacedName) // nothing reconciles the plan before its ttl has passed
				r.reporter.keepConditions(request.NamespacedName)
			}
		}
		err = utilerrors.NewAggregate([]error{err, reported})
	}()

	return ctrl.Result{}, runPhases(ctx, s, []phase[*planScope]{
		r.keepDeadline,
		r.admit,
		r.read,
		r.requireCampaign,
		r.requireSameDatabase,
		r.resolveTerms,
		r.requireUsableDatabase,
		r.await,
		r.answer,
	})
}

// finished reports whether a plan is Done or has failed.
func finished(plan *v1alpha1.RewardPlan) bool {
	return !finishedAt(plan).IsZero()
}

// finishedAt is when a plan finished; zero: it has not.
func finishedAt(plan *v1alpha1.RewardPlan) time.Time {
	for _, kind := range []string{v1alpha1.ReadyCondition, v1alpha1.StalledCondition} {
		if condition := meta.FindStatusCondition(plan.Status.Conditions, kind); condition != nil && condition.Status == metav1.ConditionTrue {
			return condition.LastTransitionTime.Time
		}
	}
	return time.Time{}
}

func ttlOf(plan *v1alpha1.RewardPlan) time.Duration {
	if plan.Spec.TTL == nil {
		return defaultPlanTTL
	}
	return plan.Spec.TTL.Duration
}

// expire deletes a plan whose ttl has passed.
func (r *RewardPlanReconciler) expire(ctx context.Context, plan *v1alpha1.RewardPlan) (ctrl.Result, error) {
	if !plan.DeletionTimestamp.IsZero() {
		return ctrl.Result{}, nil
	}
	if rest := finishedAt(plan).Add(ttlOf(plan)).Sub(r.now()); rest > 0 {
		return ctrl.Result{RequeueAfter: rest}, nil
	}
	return ctrl.Result{}, deleteExpired(ctx, r.client, plan, "plan")
}

// keepDeadline fails a plan that has not finished in time. Conditions: DeadlineExceeded, which is
// Stalled.
func (r *RewardPlanReconciler) keepDeadline(_ context.Context, s *planScope) error {
	s.rest = s.plan.CreationTimestamp.Add(planDeadline).Sub(r.now())
	if s.rest > 0 {
		return nil
	}
	last := "the operator has never worked on it"
	if ready := readyCondition(s.plan); ready != nil {
		last = ready.Reason + ": " + ready.Message
	}
	return stalled(v1alpha1.DeadlineExceededReason, "the plan has not finished within %s of its creation; its last state: %s", planDeadline, last)
}

// admit fails a plan when its namespace has too many unfinished ones, so that no queue grows
// without bound. A plan with conditions has been admitted. Conditions: TooManyPlans, which is
// Stalled.
func (r *RewardPlanReconciler) admit(ctx context.Context, s *planScope) error {
	if readyCondition(s.plan) != nil {
		return nil
	}
	unfinished, err := r.listUnfinished(ctx, s.plan.Namespace)
	if err != nil {
		return err
	}
	var others []types.NamespacedName
	for i := range unfinished {
		if other := &unfinished[i]; other.UID != s.plan.UID && other.DeletionTimestamp.IsZero() {
			others = append(others, client.ObjectKeyFromObject(other))
		}
	}
	if r.plans.Admit(s.name(), others, maxUnfinishedPlans) {
		return nil
	}
	return stalled(v1alpha1.TooManyPlansReason,
		"namespace %s has %d plans that have not finished; wait for some, or delete them, and create this plan again",
		s.plan.Namespace, maxUnfinishedPlans)
}
