package controllers

import (
	"context"
	"errors"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	utilerrors "k8s.io/apimachinery/pkg/util/errors"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
	"github.com/referral-operator/referral-operator/internal/database"
	"github.com/referral-operator/referral-operator/internal/hosting"
	"github.com/referral-operator/referral-operator/internal/postgres"
)

const (
	// recheckInterval is how often a database is looked at again that is not as it should be, since what is put right
	// there does not show in the API server.
	recheckInterval = 5 * time.Second

	// progressInterval is how often the progress of something is looked at that somebody may be waiting for.
	progressInterval = 2 * time.Second
)

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
	absence        *absence
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
		if letGo(&adb) {
			return
		}
		if r.busy(&adb) {
			good.again = min(good.again, progressInterval)
		}
		result, err = conclude(&adb, good, err)
		r.absence.observe(&adb, usable(&adb))
		r.reportResync(&adb)
		err = utilerrors.NewAggregate([]error{err, r.reporter.report(ctx, before, &adb)})
	}()

	if !adb.DeletionTimestamp.IsZero() {
		return ctrl.Result{}, r.giveUp(ctx, &adb)
	}
	// Before the first write to the database.
	if err := setFinalizer(ctx, r.client, &adb, true); err != nil {
		return ctrl.Result{}, err
	}
	return ctrl.Result{}, r.converge(ctx, &adb)
}

// reportResync reports whether full comparisons fail again and again, which leaves Ready as it is. Conditions: ResyncFailing.
func (r *AttributionDatabaseReconciler) reportResync(adb *v1alpha1.AttributionDatabase) {
	fault := r.registry.State(client.ObjectKeyFromObject(adb)).ResyncFault
	if fault == nil {
		removeCondition(adb, v1alpha1.ResyncFailingCondition)
		return
	}
	setCondition(adb, v1alpha1.ResyncFailingCondition, metav1.ConditionTrue, v1alpha1.ResyncFailingReason,
		"full comparisons fail; facts go on being decided: "+postgres.Message(fault))
}

// usable reports whether a database is Ready, or can be used although it is not.
func usable(adb *v1alpha1.AttributionDatabase) bool {
	ready := readyCondition(adb)
	return ready != nil && (ready.Status == metav1.ConditionTrue || harmless[ready.Reason])
}

// busy says whether a campaign's progress is to be seen: pairs are being decided again under new terms.
func (r *AttributionDatabaseReconciler) busy(adb *v1alpha1.AttributionDatabase) bool {
	report, _ := r.registry.Report(client.ObjectKeyFromObject(adb))
	return !adb.Spec.Suspend && slices.ContainsFunc(report.Campaigns, func(c database.CampaignStatus) bool {
		return c.Rollout != nil && !c.Rollout.Done && c.Mode != database.Suspended
	})
}

// converge takes a database through all phases, each of which writes only what differs.
func (r *AttributionDatabaseReconciler) converge(ctx context.Context, adb *v1alpha1.AttributionDatabase) error {
	name := client.ObjectKeyFromObject(adb)
	if err := r.settings(adb); err != nil {
		return err
	}
	err := r.registry.Prepare(ctx, name, func(ctx context.Context, db *postgres.DB) error {
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
