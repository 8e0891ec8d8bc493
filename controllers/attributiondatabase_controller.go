package controllers

import (
	"context"
	"errors"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
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
	// recheckInterval is the requeue while a database is not as it should be: its cure does not
	// show in the API server.
	recheckInterval = 5 * time.Second

	// shortestSlowWait is the requeue after a slow database found no slot, unless many wait. The
	// longest is recheckInterval.
	shortestSlowWait = time.Second

	// progressInterval is the longest requeue while a rollout runs, so that its progress can be
	// watched.
	progressInterval = 2 * time.Second
)

// AttributionDatabaseReconciler makes a schema what its AttributionDatabase says, and reports what
// is in it. It uses the connections of the registry and never dials.
type AttributionDatabaseReconciler struct {
	client         client.Client
	live           client.Reader // the API server itself, past the cache
	reporter       *reporter
	registry       *hosting.Registry
	moved          *hosting.Feed // campaigns whose counters have changed
	installation   string
	statusInterval time.Duration
	granted        *grantMemory
	absence        *absence
	verifications  *hosting.Verifications
	now            func() time.Time
	retries        *busyRetries
	refused        failing // slow databases that have to wait until other slow ones are done
}

// +kubebuilder:rbac:groups=referral-operator.io,resources=attributiondatabases,verbs=get;list;watch;patch
// +kubebuilder:rbac:groups=referral-operator.io,resources=attributiondatabases/status,verbs=patch
// +kubebuilder:rbac:groups=referral-operator.io,resources=referralcampaigns,verbs=get;list;watch
// +kubebuilder:rbac:groups=events.k8s.io,resources=events,verbs=create;patch

// Reconcile brings one AttributionDatabase into force and reads its counters.
func (r *AttributionDatabaseReconciler) Reconcile(ctx context.Context, request ctrl.Request) (result ctrl.Result, err error) {
	r.retries.begin(request.NamespacedName)
	var adb v1alpha1.AttributionDatabase
	if err := r.reporter.get(ctx, request.NamespacedName, &adb); err != nil {
		if apierrors.IsNotFound(err) {
			r.granted.forget(request.NamespacedName)
			r.verifications.Drop(request.NamespacedName)
			r.absence.forgetDatabase(request.NamespacedName)
			r.refused.ended(request.NamespacedName)
		}
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if letGo(&adb) {
		return ctrl.Result{}, nil
	}
	before, s := adb.DeepCopy(), r.newScope(&adb)
	defer func() {
		if letGo(&adb) {
			return
		}
		if !errors.Is(err, hosting.ErrSlow) {
			r.refused.ended(s.name)
		}
		ready := err == nil
		result, err = conclude(&adb, s.success, err)
		r.absence.observe(&adb, ready, usable(&adb))
		reportResyncFailure(s)
		r.verify(s)
		err = utilerrors.NewAggregate([]error{err, r.reporter.report(ctx, before, &adb)})
	}()
	return ctrl.Result{}, runPhases(ctx, s, r.phases(&adb))
}

// phases returns what a reconcile of the database does, in order.
func (r *AttributionDatabaseReconciler) phases(adb *v1alpha1.AttributionDatabase) []phase[*databaseScope] {
	if !adb.DeletionTimestamp.IsZero() {
		return []phase[*databaseScope]{r.awaitCampaignsGone, r.giveUpOwnership, r.removeFinalizer}
	}
	return []phase[*databaseScope]{
		r.ensureFinalizer, // before the first write to the database
		r.awaitSettings,
		r.convergeSchema,
		r.observeHost, // again, since the schema may be served now
		r.awaitEngine,
		r.followRollouts,
	}
}

func (r *AttributionDatabaseReconciler) ensureFinalizer(ctx context.Context, s *databaseScope) error {
	return setFinalizer(ctx, r.client, r.live, s.adb, true)
}

// observeHost reads the state of the database in this process.
func (r *AttributionDatabaseReconciler) observeHost(_ context.Context, s *databaseScope) error {
	s.host = r.registry.State(s.name)
	return nil
}

// awaitSettings waits until this process has the settings of this generation, and reports why it
// cannot have them. The wait is short and hidden while the object is Ready: most edits change
// nothing about the connection.
//
// Conditions: SecretNotFound, SecretKeyNotFound, SecretForbidden, InvalidURI; InvalidSpec, which is
// Stalled; Connecting.
func (r *AttributionDatabaseReconciler) awaitSettings(_ context.Context, s *databaseScope) error {
	if s.host.Source != sourceOf(s.adb) {
		return &waitingError{
			reason: v1alpha1.ConnectingReason, requeueAfter: recheckInterval, shown: unlessReady,
			err: errors.New("the operator is reading the Secret that spec.secretRef names"),
		}
	}
	if refused, ok := errors.AsType[*settingsError](s.host.Refusal); ok {
		return refused.outcome()
	}
	return s.host.Refusal
}

// awaitEngine waits until this replica's engine runs, unless the database is suspended, and reports
// an engine that makes no progress.
//
// Conditions: Connecting, EngineFailing, and those of explain.
func (r *AttributionDatabaseReconciler) awaitEngine(_ context.Context, s *databaseScope) error {
	switch {
	case s.host.Fault != nil:
		return r.explain(s, s.host.Fault, v1alpha1.EngineFailingReason)
	case s.adb.Suspended(), s.host.Phase == hosting.Serving:
		return nil
	default:
		return &waitingError{
			reason: v1alpha1.ConnectingReason, requeueAfter: recheckInterval, shown: unlessInForce,
			err: errors.New("the engine is being started"),
		}
	}
}

// followRollouts shortens the requeue while pairs are being decided again under new terms.
func (r *AttributionDatabaseReconciler) followRollouts(_ context.Context, s *databaseScope) error {
	if s.adb.Suspended() {
		return nil
	}
	if slices.ContainsFunc(s.schema.Campaigns, func(c database.CampaignStatus) bool {
		return c.Rollout != nil && !c.Rollout.Done && c.Mode != database.Suspended
	}) {
		s.success.requeueAfter = min(s.success.requeueAfter, progressInterval)
	}
	return nil
}

// reportResyncFailure reports resyncs that fail again and again, which leaves Ready as it is.
// Conditions: ResyncFailing.
func reportResyncFailure(s *databaseScope) {
	if s.host.ResyncFault == nil {
		removeCondition(s.adb, v1alpha1.ResyncFailingCondition)
		return
	}
	setCondition(s.adb, v1alpha1.ResyncFailingCondition, metav1.ConditionTrue, v1alpha1.ResyncFailingReason,
		"resyncs fail; facts are still decided: "+postgres.Message(s.host.ResyncFault))
}
