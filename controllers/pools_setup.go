package controllers

import (
	"context"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
)

// doubtDelay spreads the reads of a Secret over the replicas after the database has become unusable
// for all of them.
const doubtDelay = 500 * time.Millisecond

func (r *PoolsReconciler) setup(mgr ctrl.Manager) error {
	if err := mgr.Add(OnEveryReplica(r.prune)); err != nil {
		return err
	}
	options := controllerOptions()
	options.NeedLeaderElection = new(false)
	return ctrl.NewControllerManagedBy(mgr).
		Named("pools").
		For(&v1alpha1.AttributionDatabase{}, builder.WithPredicates(requested())).
		WatchesRawSource(fed(r.registry.Doubted(), doubtDelay)).
		WithOptions(options).
		Complete(r)
}

// prune drops the hosts whose objects were deleted while no manager ran. It runs once caches are in
// sync, and names the hosts before it reads the cache, so that a host of a new object stays.
func (r *PoolsReconciler) prune(ctx context.Context) error {
	hosted := r.registry.Names()
	var list v1alpha1.AttributionDatabaseList
	if err := r.client.List(ctx, &list); err != nil {
		return fmt.Errorf("while listing AttributionDatabases: %w", err)
	}
	exists := map[types.NamespacedName]bool{}
	for i := range list.Items {
		exists[client.ObjectKeyFromObject(&list.Items[i])] = true
	}
	for _, name := range hosted {
		if !exists[name] {
			r.registry.Drop(name)
		}
	}
	return nil
}
