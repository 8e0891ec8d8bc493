package controllers

import (
	"context"
	"fmt"
	"strconv"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
)

// planUnfinished is the index of plans by whether they have been admitted and have not finished:
// "true" or "false".
const planUnfinished = "unfinished"

var indexUnfinished = indexBy(func(plan *v1alpha1.RewardPlan) string {
	return strconv.FormatBool(readyCondition(plan) != nil && !finished(plan))
})

// setup watches, beside the plans, everything that a plan starts from: an edit of it under an
// unfinished plan has the plan start again.
func (r *RewardPlanReconciler) setup(mgr ctrl.Manager) error {
	if err := index(mgr, &v1alpha1.RewardPlan{}, planUnfinished, indexUnfinished); err != nil {
		return err
	}
	unfinished := handler.EnqueueRequestsFromMapFunc(r.unfinished)
	edits := builder.WithPredicates(edited())
	return ctrl.NewControllerManagedBy(mgr).
		Named("rewardplan").
		For(&v1alpha1.RewardPlan{}, edits).
		Watches(&v1alpha1.ReferralCampaign{}, unfinished, edits).
		Watches(&v1alpha1.RewardPolicy{}, unfinished, edits).
		Watches(&v1alpha1.AttributionDatabase{}, unfinished, builder.WithPredicates(readinessMoved())).
		WatchesRawSource(fed(r.plans.Moved(), 0)).
		WithOptions(controllerOptions()).
		Complete(r)
}

// unfinished maps an object to the unfinished plans of its namespace, of which there are few. A plan
// that has not been admitted reads the object later.
func (r *RewardPlanReconciler) unfinished(ctx context.Context, object client.Object) []reconcile.Request {
	plans, err := r.listUnfinished(ctx, object.GetNamespace())
	if err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "Cannot wake the plans of a changed object", "object", object.GetName())
		return nil
	}
	var requests []reconcile.Request
	for i := range plans {
		requests = append(requests, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(&plans[i])})
	}
	return requests
}

// listUnfinished lists the plans of a namespace that have been admitted and have not finished. They
// are the cache's own and must not be changed.
func (r *RewardPlanReconciler) listUnfinished(ctx context.Context, namespace string) ([]v1alpha1.RewardPlan, error) {
	var list v1alpha1.RewardPlanList
	err := r.client.List(ctx, &list, client.InNamespace(namespace), client.MatchingFields{planUnfinished: "true"},
		&client.ListOptions{UnsafeDisableDeepCopy: new(true)})
	if err != nil {
		return nil, fmt.Errorf("while listing the unfinished plans of a namespace: %w", err)
	}
	return list.Items, nil
}
