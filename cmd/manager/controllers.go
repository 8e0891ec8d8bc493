package main

import (
	"context"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	clientgo "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/config"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
	"github.com/referral-operator/referral-operator/controllers"
	"github.com/referral-operator/referral-operator/internal/hosting"
)

// leaseName is the name of the Lease for leader election. Its Role in config/rbac names it too.
const leaseName = "referral-operator"

// reconcileTimeout is longer than anything a reconcile waits for, migrations included.
const reconcileTimeout = 10 * time.Minute

// scheme has the kinds that the controllers read and write.
var scheme = func() *runtime.Scheme {
	s := runtime.NewScheme()
	utilruntime.Must(clientgo.AddToScheme(s))
	utilruntime.Must(v1alpha1.AddToScheme(s))
	return s
}()

// runManager waits for the API server, then builds a manager with all controllers and runs it until
// it ends. It calls ready once the caches are in sync.
func runManager(
	ctx context.Context, options options, kubernetes *rest.Config, registry *hosting.Registry, leader *controllers.Metrics,
	ready func(),
) error {
	if err := awaitKinds(ctx, kubernetes); err != nil {
		return err
	}
	mgr, err := ctrl.NewManager(kubernetes, managerOptions(options))
	if err != nil {
		return fmt.Errorf("while building the manager: %w", err)
	}
	err = controllers.Setup(mgr, controllers.Options{
		Registry:       registry,
		Installation:   options.installation,
		StatusInterval: options.statusInterval,
		Metrics:        leader,
	})
	if err != nil {
		return fmt.Errorf("while setting up the controllers: %w", err)
	}
	if err := mgr.Add(controllers.OnEveryReplica(func(context.Context) error { ready(); return nil })); err != nil {
		return fmt.Errorf("while setting up readiness: %w", err)
	}
	if err := mgr.Start(ctx); err != nil {
		return fmt.Errorf("while running the controllers: %w", err)
	}
	return nil
}

func managerOptions(options options) manager.Options {
	namespaces := map[string]cache.Config{}
	for _, namespace := range options.watchNamespaces {
		namespaces[namespace] = cache.Config{}
	}
	return manager.Options{
		Scheme: scheme,
		Cache: cache.Options{
			DefaultNamespaces: namespaces,
			DefaultTransform:  controllers.Cached,
		},
		Controller: config.Controller{
			MaxConcurrentReconciles: options.concurrent,
			ReconciliationTimeout:   reconcileTimeout,
			SkipNameValidation:      new(true), // an earlier manager of this process used the names
		},
		// The servers of this process outlive its managers, see servers.go.
		Metrics:                metricsserver.Options{BindAddress: "0"},
		HealthProbeBindAddress: "0",

		LeaderElection:          options.leaderElect,
		LeaderElectionID:        leaseName,
		LeaderElectionNamespace: options.leaderElectionNamespace,
		// The database is the fence, not the lease: a reconcile may outlive the lease by a moment.
		LeaderElectionReleaseOnCancel: true,
		GracefulShutdownTimeout:       new(stopTimeout),
	}
}
