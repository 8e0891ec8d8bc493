package controllers

import (
	"context"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
)

// gatherInterval is how long a policy waits for further changes of its campaigns before it reports
// on all of them: thousands may come into force one after the other.
const gatherInterval = 500 * time.Millisecond

func (r *RewardPolicyReconciler) setup(mgr ctrl.Manager) error {
	return ctrl.NewControllerManagedBy(mgr).
		Named("rewardpolicy").
		For(&v1alpha1.RewardPolicy{}, builder.WithPredicates(requested())).
		Watches(&v1alpha1.ReferralCampaign{}, wakesPolicies(), builder.WithPredicates(policyMoved())).
		WithOptions(controllerOptions()).
		Complete(r)
}

// wakesPolicies reconciles the policies of changed campaigns after gatherInterval: of an update
// both the earlier and the present one.
func wakesPolicies() handler.EventHandler {
	type queue = workqueue.TypedRateLimitingInterface[reconcile.Request]
	wake := func(object client.Object, queue queue) {
		if campaign, ok := object.(*v1alpha1.ReferralCampaign); ok {
			policy := client.ObjectKey{Namespace: campaign.Namespace, Name: campaign.Spec.PolicyRef.Name}
			queue.AddAfter(reconcile.Request{NamespacedName: policy}, gatherInterval)
		}
	}
	return handler.Funcs{
		CreateFunc: func(_ context.Context, e event.CreateEvent, queue queue) { wake(e.Object, queue) },
		UpdateFunc: func(_ context.Context, e event.UpdateEvent, queue queue) {
			wake(e.ObjectOld, queue)
			wake(e.ObjectNew, queue)
		},
		DeleteFunc: func(_ context.Context, e event.DeleteEvent, queue queue) { wake(e.Object, queue) },
	}
}

// policyMoved passes campaigns that appear, disappear, begin to be deleted, refer to another
// policy, have another policy in force, or begin or end a rollout.
func policyMoved() predicate.Predicate {
	return predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		was, ok := e.ObjectOld.(*v1alpha1.ReferralCampaign)
		is, okToo := e.ObjectNew.(*v1alpha1.ReferralCampaign)
		return ok && okToo && (was.Spec.PolicyRef != is.Spec.PolicyRef || rollingOut(was) != rollingOut(is) ||
			was.DeletionTimestamp.IsZero() != is.DeletionTimestamp.IsZero() ||
			!equality.Semantic.DeepEqual(was.Status.Policy, is.Status.Policy))
	}}
}
