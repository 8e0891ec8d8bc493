package controllers

import (
	"context"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
	"github.com/referral-operator/referral-operator/internal/hosting"
)

func (r *ReferralCampaignReconciler) setup(mgr ctrl.Manager, moved *hosting.Feed) error {
	return ctrl.NewControllerManagedBy(mgr).
		Named("referralcampaign").
		For(&v1alpha1.ReferralCampaign{}, builder.WithPredicates(requested())).
		Watches(&v1alpha1.RewardPolicy{}, handler.EnqueueRequestsFromMapFunc(r.referring(campaignByPolicy)),
			builder.WithPredicates(edited())).
		Watches(&v1alpha1.AttributionDatabase{}, handler.EnqueueRequestsFromMapFunc(r.referring(campaignByDatabase)),
			builder.WithPredicates(readinessMoved())).
		WatchesRawSource(fed(moved, 0)).
		WithOptions(controllerOptions()).
		Complete(r)
}

// referring maps an object to the campaigns that refer to it through an indexed field.
func (r *ReferralCampaignReconciler) referring(field string) handler.MapFunc {
	return func(ctx context.Context, object client.Object) []reconcile.Request {
		campaigns, err := campaignsBy(ctx, r.client, object.GetNamespace(), field, object.GetName())
		if err != nil {
			ctrl.LoggerFrom(ctx).Error(err, "Cannot wake the campaigns of a changed object", "object", object.GetName())
			return nil
		}
		requests := make([]reconcile.Request, 0, len(campaigns))
		for i := range campaigns {
			requests = append(requests, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(&campaigns[i])})
		}
		return requests
	}
}

// readinessMoved passes databases that appear, disappear, or change the status or reason of Ready.
func readinessMoved() predicate.Predicate {
	return predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		was, ok := e.ObjectOld.(*v1alpha1.AttributionDatabase)
		is, okToo := e.ObjectNew.(*v1alpha1.AttributionDatabase)
		if !ok || !okToo {
			return false
		}
		before, after := readyCondition(was), readyCondition(is)
		return (before == nil) != (after == nil) ||
			before != nil && after != nil && (before.Status != after.Status || before.Reason != after.Reason)
	}}
}
