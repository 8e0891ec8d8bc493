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

// use uses the campaign's database; failed makes an error the outcome of the phase. While the
// database is busy the campaign waits for its next turn, which no condition shows at first.
func (r *ReferralCampaignReconciler) use(
	ctx context.Context, s *campaignScope, do func(context.Context, *postgres.DB) error, failed func(error) error,
) error {
	err := r.registry.Use(withReconcileID(ctx), s.databaseName(), do)
	switch {
	case err == nil:
		r.failing.ended(client.ObjectKeyFromObject(s.campaign))
		return nil
	case errors.Is(err, hosting.ErrBusy), errors.Is(err, hosting.ErrSlow):
		return r.busy(client.ObjectKeyFromObject(s.campaign), err, failed)
	}
	return failed(err)
}

// busy is the outcome of a phase that found the database busy.
func (r *ReferralCampaignReconciler) busy(campaign client.ObjectKey, err error, failed func(error) error) error {
	wait, ok := errors.AsType[*waitingError](failed(err))
	if !ok || r.failing.lasts(campaign, r.now()) < outagePatience {
		return r.retries.busy(campaign, err)
	}
	return r.retries.longBusy(campaign, wait.reason, wait.err)
}

// databaseError returns the outcome of failed uses of a database whose AttributionDatabase still
// says that it is usable. If they go on failing it is shown, since no outage will be. A suspended
// database whose schema waits for its migration does not fail: it is not served until it is resumed.
func (r *ReferralCampaignReconciler) databaseError(s *campaignScope) func(error) error {
	return func(err error) error {
		wait := &waitingError{reason: v1alpha1.DatabaseNotReadyReason, requeueAfter: recheckInterval, shown: unlessSettled,
			err: fmt.Errorf("AttributionDatabase %s cannot be used: %s", s.databaseName(), postgres.Message(err))}
		key := client.ObjectKeyFromObject(s.campaign)
		if errors.Is(err, hosting.ErrNotServing) && s.adb.Suspended() {
			r.failing.ended(key)
			wait.err = fmt.Errorf("%w; %s", wait.err, suspendedDatabase(s.adb))
			return wait
		}
		if r.failing.lasts(key, r.now()) >= outagePatience {
			wait.shown = always
		}
		return wait
	}
}
