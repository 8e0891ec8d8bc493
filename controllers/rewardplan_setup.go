package controllers

import (
	"context"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
)

// setup watches, beside the plans, everything that a plan starts from: an edit of it under an
// unfinished plan has the plan start again.
func (r *RewardPlanReconciler) setup(mgr ctrl.Manager) error {
	unfinished := handler.EnqueueRequestsFromMapFunc(r.unfinished)
	edited := builder.WithPredicates(predicate.GenerationChangedPredicate{})
	return ctrl.NewControllerManagedBy(mgr).
		Named("rewardplan").
		For(&v1alpha1.RewardPlan{}, edited).
		Watches(&v1alpha1.ReferralCampaign{}, unfinished, edited).
		Watches(&v1alpha1.RewardPolicy{}, unfinished, edited).
		Watches(&v1alpha1.AttributionDatabase{}, unfinished, builder.WithPredicates(readinessMoved())).
		WatchesRawSource(fed(r.plans.Moved(), 0)).
		WithOptions(controllerOptions()).
		Complete(r)
}

// unfinished maps an object to the unfinished plans of its namespace, of which there are few.
func (r *RewardPlanReconciler) unfinished(ctx context.Context, object client.Object) []reconcile.Request {
	var list v1alpha1.RewardPlanList
	if err := r.client.List(ctx, &list, client.InNamespace(object.GetNamespace())); err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "Cannot wake the plans of a changed object", "object", object.GetName())
		return nil
	}
	var requests []reconcile.Request
	for i := range list.Items {
		if plan := &list.Items[i]; !finished(plan) {
			requests = append(requests, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(plan)})
		}
	}
	return requests
}
