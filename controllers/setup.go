package controllers

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
	"github.com/referral-operator/referral-operator/internal/fair"
	"github.com/referral-operator/referral-operator/internal/hosting"
	"github.com/referral-operator/referral-operator/internal/postgres"
)

// Options hold for all controllers.
type Options struct {
	Registry       *hosting.Registry // outlives the manager
	Installation   string            // part of the owner of each schema
	StatusInterval time.Duration     // how often counters are read
	Metrics        *Metrics          // nil: the leader shows none
	Now            func() time.Time  // default: time.Now
}

// Setup adds all controllers to a manager.
func Setup(mgr ctrl.Manager, options Options) error {
	if options.Now == nil {
		options.Now = time.Now
	}
	if err := indexCampaigns(mgr); err != nil {
		return err
	}
	options.Registry.ForgetReports() // another replica may have led since they were read
	moved := hosting.NewFeed()
	events := newRecorder(mgr.GetClient())
	newReporter := func() *reporter { return newReporter(mgr.GetClient(), events, options.Now) }
	missing := newAbsence(options.Now)
	pools := &PoolsReconciler{
		client:       mgr.GetClient(),
		live:         mgr.GetAPIReader(),
		self:         &self{client: mgr.GetClient()},
		dryRun:       client.NewDryRunClient(mgr.GetClient()),
		registry:     options.Registry,
		installation: options.Installation,
	}
	databases := &AttributionDatabaseReconciler{
		client:         mgr.GetClient(),
		live:           mgr.GetAPIReader(),
		reporter:       newReporter(),
		registry:       options.Registry,
		moved:          moved,
		installation:   options.Installation,
		statusInterval: options.StatusInterval,
		granted:        newGrantMemory(),
		absence:        missing,
		verifications:  hosting.NewVerifications(options.Registry.Verify, options.Now),
		now:            options.Now,
		retries:        newBusyRetries(shortestSlowWait, recheckInterval),
	}
	policies := &RewardPolicyReconciler{client: mgr.GetClient(), reporter: newReporter()}
	campaigns := &ReferralCampaignReconciler{
		client:   mgr.GetClient(),
		live:     mgr.GetAPIReader(),
		reporter: newReporter(),
		registry: options.Registry,
		now:      options.Now,
		absence:  missing,
		retries:  newBusyRetries(shortestBusyWait, longestBusyWait),
	}
	plans := &RewardPlanReconciler{
		client:   mgr.GetClient(),
		live:     mgr.GetAPIReader(),
		reporter: newReporter(),
		plans:    hosting.NewPlans(options.Registry.Plan),
		now:      options.Now,
	}
	reviews := &RewardReviewReconciler{client: mgr.GetClient(), registry: options.Registry, now: options.Now, limits: newReviewLimits()}
	if err := pools.setup(mgr); err != nil {
		return fmt.Errorf("while setting up the pools controller: %w", err)
	}
	if err := databases.setup(mgr); err != nil {
		return fmt.Errorf("while setting up the AttributionDatabase controller: %w", err)
	}
	if err := policies.setup(mgr); err != nil {
		return fmt.Errorf("while setting up the RewardPolicy controller: %w", err)
	}
	if err := campaigns.setup(mgr, moved); err != nil {
		return fmt.Errorf("while setting up the ReferralCampaign controller: %w", err)
	}
	if err := plans.setup(mgr); err != nil {
		return fmt.Errorf("while setting up the RewardPlan controller: %w", err)
	}
	if err := reviews.setup(mgr); err != nil {
		return fmt.Errorf("while setting up the RewardReview controller: %w", err)
	}
	for _, run := range []manager.RunnableFunc{plans.plans.Run, databases.verifications.Run} { // on the leader
		if err := mgr.Add(run); err != nil {
			return fmt.Errorf("while setting up what runs plans and verifications: %w", err)
		}
	}
	if options.Metrics != nil {
		if err := mgr.Add(manager.RunnableFunc(func(ctx context.Context) error { // on the leader
			return options.Metrics.Lead(ctx, mgr.GetClient())
		})); err != nil {
			return fmt.Errorf("while setting up the metrics of the leader: %w", err)
		}
	}
	return nil
}

const (
	campaignByDatabase = "spec.databaseRef.name"
	campaignByPolicy   = "spec.policyRef.name"
)

func indexCampaigns(mgr ctrl.Manager) error {
	err := index(mgr, &v1alpha1.ReferralCampaign{}, campaignByDatabase,
		indexBy(func(c *v1alpha1.ReferralCampaign) string { return c.Spec.DatabaseRef.Name }))
	if err != nil {
		return err
	}
	return index(mgr, &v1alpha1.ReferralCampaign{}, campaignByPolicy,
		indexBy(func(c *v1alpha1.ReferralCampaign) string { return c.Spec.PolicyRef.Name }))
}

// index has the cache of a manager find objects of a kind by a field.
func index(mgr ctrl.Manager, kind client.Object, field string, by client.IndexerFunc) error {
	err := mgr.GetFieldIndexer().IndexField(context.Background(), kind, field, by) //nolint:forbidigo // nothing runs yet that a context could end
	if err != nil {
		return fmt.Errorf("while indexing %T by %s: %w", kind, field, err)
	}
	return nil
}

func indexBy[T client.Object](value func(T) string) client.IndexerFunc {
	return func(object client.Object) []string {
		of, ok := object.(T)
		if !ok {
			return nil
		}
		return []string{value(of)}
	}
}

// campaignsBy lists the campaigns of a namespace that refer to the given name through an indexed
// field. They are the cache's own and must not be changed: copies of the campaigns of a policy that
// thousands use would cost more than all else.
func campaignsBy(ctx context.Context, reader client.Reader, namespace, field, name string) ([]v1alpha1.ReferralCampaign, error) {
	var list v1alpha1.ReferralCampaignList
	err := reader.List(ctx, &list, client.InNamespace(namespace), client.MatchingFields{field: name},
		&client.ListOptions{UnsafeDisableDeepCopy: new(true)})
	if err != nil {
		return nil, fmt.Errorf("while listing campaigns by %s: %w", field, err)
	}
	return list.Items, nil
}

// requested passes what a person does to an object: a new spec, a deletion, an annotation that
// requests something. Our own status writes do not pass.
func requested() predicate.Predicate {
	asks := predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		for _, annotation := range []string{
			v1alpha1.RequestedAtAnnotation, v1alpha1.SuspendAnnotation, v1alpha1.TakeOverAnnotation, v1alpha1.AllowReversalsAnnotation,
			v1alpha1.VerifyRequestedAtAnnotation,
		} {
			before, had := e.ObjectOld.GetAnnotations()[annotation]
			after, has := e.ObjectNew.GetAnnotations()[annotation]
			if before != after || had != has {
				return true
			}
		}
		return false
	}}
	return predicate.Or(edited(), asks)
}

// edited passes another spec, and another object of the same name.
func edited() predicate.Predicate {
	return predicate.Or(predicate.GenerationChangedPredicate{}, predicate.Funcs{UpdateFunc: replaced})
}

// replaced reports whether an update is the deletion of an object and the creation of another one of
// its name, as it arrives after a gap of the watch.
func replaced(e event.UpdateEvent) bool { return e.ObjectOld.GetUID() != e.ObjectNew.GetUID() }

// retries is the backoff after an error: a cure that no watch sees shows within seconds, and no
// server is hammered.
func retries() workqueue.TypedRateLimiter[reconcile.Request] {
	return workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](200*time.Millisecond, 15*time.Second)
}

// controllerOptions are those of each controller. How many objects a tenant has, and how long a
// reconcile waits for a database, is up to the tenant, so the requests of one do not wait behind
// all of another's.
func controllerOptions() controller.Options {
	return controller.Options{RateLimiter: retries(), NewQueue: fair.NewQueue}
}

// withReconcileID returns a context whose transactions have the reconcileID of the log in their
// application_name.
func withReconcileID(ctx context.Context) context.Context {
	if id := controller.ReconcileIDFromContext(ctx); id != "" {
		return postgres.WithPurpose(ctx, string(id))
	}
	return ctx
}

// OnEveryReplica is a function that a manager runs once on every replica, elected or not, when its
// caches are in sync.
type OnEveryReplica func(context.Context) error

// Start implements manager.Runnable.
func (f OnEveryReplica) Start(ctx context.Context) error { return f(ctx) }

// NeedLeaderElection implements manager.LeaderElectionRunnable.
func (f OnEveryReplica) NeedLeaderElection() bool { return false }

// fed reconciles the objects that a feed names, each after a random part of delay.
func fed(feed *hosting.Feed, delay time.Duration) source.Source {
	return source.Func(func(ctx context.Context, queue workqueue.TypedRateLimitingInterface[reconcile.Request]) error {
		go func() {
			for {
				select {
				case <-ctx.Done():
					return
				case <-feed.Arrived():
				}
				for _, name := range feed.Drain() {
					queue.AddAfter(reconcile.Request{NamespacedName: name}, rand.N(delay+1))
				}
			}
		}()
		return nil
	})
}
