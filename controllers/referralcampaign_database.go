package controllers

import (
	"context"
	"errors"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
	"github.com/referral-operator/referral-operator/internal/hosting"
	"github.com/referral-operator/referral-operator/internal/postgres"
)

const (
	// outagePatience is how long an outage shows on the AttributionDatabase alone. A longer one
	// shows on its campaigns too.
	outagePatience = time.Minute

	// shortestBusyWait and longestBusyWait bound the requeue after the database was busy with other
	// reconciles.
	shortestBusyWait = 200 * time.Millisecond
	longestBusyWait  = 5 * time.Second

	// staleInterval is the requeue after a cache or a report was behind.
	staleInterval = time.Second
)

// outages are the reasons for which a database that was Ready may soon be Ready again.
var outages = map[string]bool{
	v1alpha1.UnreachableReason:          true,
	v1alpha1.AuthenticationFailedReason: true,
	v1alpha1.EngineFailingReason:        true,
	v1alpha1.ConnectingReason:           true,
}

// harmless are the reasons for which a database is not Ready and can be used all the same.
var harmless = map[string]bool{
	v1alpha1.InUseReason:        true,
	v1alpha1.RoleNotFoundReason: true,
	v1alpha1.SlowReason:         true,
}

// usable reports whether a database is Ready, or can be used although it is not.
func usable(adb *v1alpha1.AttributionDatabase) bool {
	ready := readyCondition(adb)
	return ready != nil && (ready.Status == metav1.ConditionTrue || harmless[ready.Reason])
}

// unusable returns why the database of this name cannot be used, where nil is one that does not
// exist; nil: it can.
func unusable(name types.NamespacedName, adb *v1alpha1.AttributionDatabase) error {
	if adb == nil {
		return fmt.Errorf("spec.databaseRef: there is no AttributionDatabase %s: create it, or correct the name", name)
	}
	ready := readyCondition(adb)
	switch {
	case ready == nil:
		return fmt.Errorf("AttributionDatabase %s has not been reconciled yet", name)
	case usable(adb):
		return nil
	}
	return fmt.Errorf("AttributionDatabase %s is not ready: %s: %s", name, ready.Reason, ready.Message)
}

// requireDatabase waits until the AttributionDatabase exists. Conditions: DatabaseNotReady.
func (r *ReferralCampaignReconciler) requireDatabase(_ context.Context, s *campaignScope) error {
	if s.adb == nil {
		return waiting(v1alpha1.DatabaseNotReadyReason, "%w", unusable(s.databaseName(), nil))
	}
	return nil
}

// awaitDatabase waits until the campaign can be declared in its database. Conditions:
// DatabaseNotReady.
func (r *ReferralCampaignReconciler) awaitDatabase(_ context.Context, s *campaignScope) error {
	why := unusable(s.databaseName(), s.adb)
	if why == nil || s.servedAsBefore() {
		return nil
	}
	wait := &waitingError{reason: v1alpha1.DatabaseNotReadyReason, err: why}
	ready := readyCondition(s.adb)
	if ready == nil {
		return wait
	}
	if rest := outagePatience - r.now().Sub(ready.LastTransitionTime.Time); outages[ready.Reason] && rest > 0 {
		wait.requeueAfter, wait.shown = rest, unlessSettled
	}
	return wait
}

// servedAsBefore reports whether the database is served although the spec of its
// AttributionDatabase is ignored, as after a restore of the API server's storage.
func (s *campaignScope) servedAsBefore() bool {
	ready := readyCondition(s.adb)
	return ready != nil && ready.Reason == v1alpha1.InvalidSpecReason && s.host.Phase == hosting.Serving && s.host.Refusal == nil
}

// use uses the campaign's database; failed makes an error the outcome of the phase. An outcome that
// shows only unlessSettled always shows once uses have failed for outagePatience, since no outage
// will. While the database is busy the campaign waits for its next turn, which shows only if that
// lasts as long.
func (r *ReferralCampaignReconciler) use(
	ctx context.Context, s *campaignScope, do func(context.Context, *postgres.DB) error, failed func(error) *waitingError,
) error {
	err := r.registry.Use(withReconcileID(ctx), s.databaseName(), do)
	s.refused = errors.Is(err, hosting.ErrBusy) || errors.Is(err, hosting.ErrSlow)
	s.failed = err != nil && !s.refused && !s.awaitsResumption(err)
	r.endTrouble(s)
	key := client.ObjectKeyFromObject(s.campaign)
	switch {
	case err == nil:
		return nil
	case s.refused && r.refused.lasts(key, r.now()) < outagePatience:
		return r.retries.busy(key, err)
	case s.refused:
		wait := failed(err)
		return r.retries.longBusy(key, wait.reason, wait.err)
	}
	wait := failed(err)
	if s.failed && r.failing.lasts(key, r.now()) >= outagePatience {
		wait.shown = always
	}
	return wait
}

// endTrouble ends what no longer lasts after the last use of the database, or after a reconcile
// without one. That the database is busy does not end failures before.
func (r *ReferralCampaignReconciler) endTrouble(s *campaignScope) {
	key := client.ObjectKeyFromObject(s.campaign)
	if !s.refused {
		r.refused.ended(key)
	}
	if !s.refused && !s.failed {
		r.failing.ended(key)
	}
}

// awaitsResumption reports whether a use failed because its database is suspended: a schema that
// waits for its migration is not served until the database is resumed.
func (s *campaignScope) awaitsResumption(err error) bool {
	return errors.Is(err, hosting.ErrNotServing) && s.adb.Suspended()
}

// databaseError is the outcome of a failed use of a database whose AttributionDatabase still says
// that it is usable.
func (s *campaignScope) databaseError(err error) *waitingError {
	wait := &waitingError{reason: v1alpha1.DatabaseNotReadyReason, requeueAfter: recheckInterval, shown: unlessSettled,
		err: fmt.Errorf("AttributionDatabase %s cannot be used: %s", s.databaseName(), postgres.Message(err))}
	if s.awaitsResumption(err) {
		wait.err = fmt.Errorf("%w; %s", wait.err, suspendedDatabase(s.adb))
	}
	return wait
}
