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
)

func (r *AttributionDatabaseReconciler) setup(mgr ctrl.Manager) error {
	return ctrl.NewControllerManagedBy(mgr).
		Named("attributiondatabase").
		For(&v1alpha1.AttributionDatabase{}, builder.WithPredicates(requested())).
		// A deleted campaign has to be closed, and may be the last that kept the database.
		Watches(&v1alpha1.ReferralCampaign{}, handler.EnqueueRequestsFromMapFunc(databaseOf), builder.WithPredicates(deletions())).
		WatchesRawSource(fed(r.registry.Changes(), 0)).
		WatchesRawSource(fed(r.verifications.Moved(), 0)).
		WithOptions(controllerOptions()).
		Complete(r)
}

func databaseOf(_ context.Context, object client.Object) []reconcile.Request {
	campaign, ok := object.(*v1alpha1.ReferralCampaign)
	if !ok {
		return nil
	}
	return []reconcile.Request{{
		NamespacedName: client.ObjectKey{Namespace: campaign.Namespace, Name: campaign.Spec.DatabaseRef.Name},
	}}
}

func deletions() predicate.Predicate {
	return predicate.Funcs{
		CreateFunc:  func(event.CreateEvent) bool { return false },
		UpdateFunc:  replaced,
		DeleteFunc:  func(event.DeleteEvent) bool { return true },
		GenericFunc: func(event.GenericEvent) bool { return false },
	}
}
