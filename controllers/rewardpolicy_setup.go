package controllers

import (
	"context"

	"k8s.io/apimachinery/pkg/api/equality"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
)

func (r *RewardPolicyReconciler) setup(mgr ctrl.Manager) error {
	return ctrl.NewControllerManagedBy(mgr).
		Named("rewardpolicy").
		For(&v1alpha1.RewardPolicy{}, builder.WithPredicates(requested())).
		// An update wakes both policies, the earlier and the present one.
		Watches(&v1alpha1.ReferralCampaign{}, handler.EnqueueRequestsFromMapFunc(policyOf), builder.WithPredicates(policyMoved())).
		WithOptions(controllerOptions()).
		Complete(r)
}

func policyOf(_ context.Context, object client.Object) []reconcile.Request {
	campaign, ok := object.(*v1alpha1.ReferralCampaign)
	if !ok {
		return nil
	}
	return []reconcile.Request{{
		NamespacedName: client.ObjectKey{Namespace: campaign.Namespace, Name: campaign.Spec.PolicyRef.Name},
	}}
}

// policyMoved passes campaigns that appear, disappear, refer to another policy, have another policy
// in force, or begin or end a rollout.
func policyMoved() predicate.Predicate {
	return predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		was, ok := e.ObjectOld.(*v1alpha1.ReferralCampaign)
		is, okToo := e.ObjectNew.(*v1alpha1.ReferralCampaign)
		return ok && okToo && (was.Spec.PolicyRef != is.Spec.PolicyRef || rollingOut(was) != rollingOut(is) ||
			!equality.Semantic.DeepEqual(was.Status.Policy, is.Status.Policy))
	}}
}
