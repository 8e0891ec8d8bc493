package controllers

import (
	"context"
	"errors"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	utilerrors "k8s.io/apimachinery/pkg/util/errors"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
	"github.com/referral-operator/referral-operator/internal/database"
	"github.com/referral-operator/referral-operator/internal/hosting"
)

// recheckInterval is how often a database is looked at again that is not as it should be, since what is put right there
// does not show in the API server.
const recheckInterval = 5 * time.Second

// AttributionDatabaseReconciler makes a schema what its AttributionDatabase says, and reports what is in it. It uses the
// connections of the registry and never dials by itself.
type AttributionDatabaseReconciler struct {
	client         client.Client
	live           client.Reader
	reporter       reporter
	registry       *hosting.Registry
	moved          *hosting.Feed // campaigns whose counters are others than they were
	installation   string
	statusInterval time.Duration
	granted        *grantMemory
}

// +kubebuilder:rbac:groups=referral-operator.io,resources=attributiondatabases,verbs=get;list;watch;patch
// +kubebuilder:rbac:groups=referral-operator.io,resources=attributiondatabases/status,verbs=patch
// +kubebuilder:rbac:groups=referral-operator.io,resources=referralcampaigns,verbs=get;list;watch
// +kubebuilder:rbac:groups=events.k8s.io,resources=events,verbs=create;patch

// Reconcile brings one AttributionDatabase into force and reads its counters.
func (r *AttributionDatabaseReconciler) Reconcile(ctx context.Context, request ctrl.Request) (result ctrl.Result, err error) {
	var adb v1alpha1.AttributionDatabase
	if err := r.client.Get(ctx, request.NamespacedName, &adb); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	before := adb.DeepCopy()
	good := verdict{reason: v1alpha1.ReadyReason, message: "facts are being decided", again: r.statusInterval}
	if adb.Spec.Suspend {
		good.reason, good.message = v1alpha1.SuspendedReason, "nothing is decided or migrated until spec.suspend is false"
	}
	defer func() {
		if !adb.DeletionTimestamp.IsZero() && !controllerutil.ContainsFinalizer(&adb, v1alpha1.Finalizer) {
			return // given up: there is nothing left to report on
		}
		result, err = conclude(&adb, good, err)
		err = utilerrors.NewAggregate([]error{err, r.reporter.report(ctx, before, &adb)})
	}()

	if !adb.DeletionTimestamp.IsZero() {
		return ctrl.Result{}, r.giveUp(ctx, &adb)
	}
	if err := r.addFinalizer(ctx, &adb); err != nil {
		return ctrl.Result{}, err
	}
	return ctrl.Result{}, r.converge(ctx, &adb)
}

// addFinalizer comes before the first write to the database.
func (r *AttributionDatabaseReconciler) addFinalizer(ctx context.Context, adb *v1alpha1.AttributionDatabase) error {
	original := adb.DeepCopy()
	if !controllerutil.AddFinalizer(adb, v1alpha1.Finalizer) {
		return nil
	}
	return r.patchFinalizers(ctx, original, adb)
}

func (r *AttributionDatabaseReconciler) patchFinalizers(ctx context.Context, original, adb *v1alpha1.AttributionDatabase) error {
	// Another's finalizer must not get lost, hence the lock.
	patch := client.MergeFromWithOptions(original, client.MergeFromWithOptimisticLock{})
	err := r.client.Patch(ctx, adb, patch, client.FieldOwner(v1alpha1.FieldManager))
	switch {
	case apierrors.IsConflict(err):
		return &waitingError{after: staleInterval, shown: never, err: err}
	case client.IgnoreNotFound(err) != nil:
		return fmt.Errorf("while changing the finalizers: %w", err)
	}
	return nil
}

// converge takes a database through all phases, each of which writes only what differs.
func (r *AttributionDatabaseReconciler) converge(ctx context.Context, adb *v1alpha1.AttributionDatabase) error {
	name := client.ObjectKeyFromObject(adb)
	if err := r.settings(adb); err != nil {
		return err
	}
	err := r.registry.Prepare(ctx, name, func(ctx context.Context, db *database.DB) error {
		return r.schema(adb, db).converge(ctx)
	})
	if err != nil {
		return r.explain(adb, err, v1alpha1.FailedReason)
	}
	return r.serving(adb)
}

// settings waits until the registry has the settings of this generation, and tells why it cannot have them.
//
// Conditions: SecretNotFound, SecretKeyNotFound, SecretForbidden, InvalidURI; InvalidSpec, which is Stalled; Connecting.
func (r *AttributionDatabaseReconciler) settings(adb *v1alpha1.AttributionDatabase) error {
	state := r.registry.State(client.ObjectKeyFromObject(adb))
	if state.Source != sourceOf(adb) {
		return &waitingError{
			reason: v1alpha1.ConnectingReason, after: recheckInterval, shown: unlessInForce,
			err: errors.New("the settings of this generation are being read"),
		}
	}
	var refused *settingsError
	if !errors.As(state.Refusal, &refused) {
		return state.Refusal
	}
	if refused.hopeless {
		return &stalledError{reason: refused.reason, err: refused}
	}
	return &waitingError{reason: refused.reason, after: recheckInterval, err: refused}
}

// serving waits until this replica's engine runs, unless it is not meant to, and tells when it makes no progress.
//
// Conditions: Connecting, EngineFailing, and those of explain.
func (r *AttributionDatabaseReconciler) serving(adb *v1alpha1.AttributionDatabase) error {
	state := r.registry.State(client.ObjectKeyFromObject(adb))
	switch {
	case state.Fault != nil:
		return r.explain(adb, state.Fault, v1alpha1.EngineFailingReason)
	case adb.Spec.Suspend, state.Phase == hosting.Serving:
		return nil
	default:
		return &waitingError{
			reason: v1alpha1.ConnectingReason, after: recheckInterval, shown: unlessInForce, err: errors.New("the engine is being started"),
		}
	}
}
